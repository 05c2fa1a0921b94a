"""A dentist's calendar: patients ask for a slot, their bank holds the price, the first hold gets the slot.

Two patients may ask for one slot at the same time, and both banks may say yes. Who comes second gets the
hold released. What keeps this right:

- *A hold is never lost.* Every hold that a bank may have made ends in exactly one of three ways: the booking
  still stands, the money was captured, or it was released. Release and capture are effects of their own,
  with ids of their own, so a crash forgets neither.
- *The payment decides, and only once.* A result for a payment that is not outstanding changes nothing; so a
  repeated "yes" cannot release a slot that it has booked.
- *"Not yet" is an answer too.* After it a timer runs under the same id, and then the question goes out
  again: a request never waits with nothing in flight.
- *The amount is compared.* A hold over less than the price is released. Money is an int.

`machine` holds the machine, `calendar` what it knows of time, `scenario` the outside and the laws. `python
-m fasm simulate fasm.examples.dentist:DentistScenario` runs it through a hostile world.
"""

from fasm.examples.dentist.machine import Clinic, Dentist
from fasm.examples.dentist.scenario import DentistScenario

__all__ = ["Clinic", "Dentist", "DentistScenario"]
