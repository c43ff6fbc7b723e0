# Each target makes its own environment first: a fresh clone needs nothing but python3 (3.11 or newer) and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test gpu-kernels check docs results clean

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt torch -e '.[dev]'
	touch $@

demo: .venv/installed   ## enhance two real clips; pictures and numbers land in demo/
	$(BIN)/python examples/demo.py

# one thread for each of the two workers: threads of PyTorch that wait for each other keep the processor busy
test: .venv/installed   ## what continuous integration runs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --hypothesis-profile=ci  # the same examples every time

gpu-kernels: .venv/installed  ## the GPU's kernels in Triton's interpreter, where no GPU is; downloads 286 MB
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --upgrade --target build/triton triton==3.9.0
	PYTHONPATH=build/triton $(BIN)/python -m pytest -q tests/ops/test_deform.py -k gpu_path

check: .venv/installed  ## style, types, import directions, and the commands in the docs
	$(BIN)/ruff check src tests examples benchmarks
	$(BIN)/ruff format --check src tests examples benchmarks
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_docs.py

docs: .venv/installed    ## the pages, in build/site: open build/site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict -q

results: .venv/installed ## write every table of results; needs ../shared/footage/eval
	$(BIN)/python benchmarks/results.py

clean:
	rm -rf .venv demo build
