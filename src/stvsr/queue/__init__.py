"""Jobs that wait in line and outlive whoever looks after them: orders, a store on disk, child processes, workers.

The HTTP service and any page for people stand on this room; it knows neither.
"""

from stvsr.queue.child import ENHANCE
from stvsr.queue.job import Job, State
from stvsr.queue.order import Order
from stvsr.queue.store import Queue
from stvsr.queue.workers import Workers

__all__ = ["ENHANCE", "Job", "Order", "Queue", "State", "Workers"]
