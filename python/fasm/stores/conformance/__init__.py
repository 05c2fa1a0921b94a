"""What every store must do, as tests: for ours, and for those of other authors.

Subclass `StoreConformance` in a test file, and give it a fixture `harness`:

```python
import pytest
from fasm.stores.conformance import Harness, StoreConformance


class MyHarness(Harness): ...


class TestMyStore(StoreConformance):
    @pytest.fixture
    def harness(self, tmp_path):
        return MyHarness(tmp_path)
```

What a harness cannot do is skipped, and shows as such.
"""

from fasm.stores.conformance._commits import Commits
from fasm.stores.conformance._failures import Failures
from fasm.stores.conformance._harness import Harness, Injection
from fasm.stores.conformance._kill import Kill
from fasm.stores.conformance._outbox import Outbox
from fasm.stores.conformance._ownership import Ownership
from fasm.stores.conformance._reads import Reads

__all__ = ["Harness", "Injection", "StoreConformance"]


class StoreConformance(Commits, Outbox, Ownership, Reads, Failures, Kill):
    """All tests. Each gets a harness on storage of its own."""
