"""Machines to learn from. Each module holds one machine, its scenario and its laws.

Each one runs: `python -m fasm.examples.counter` simulates it and prints the report.

| module | shows |
| --- | --- |
| `counter` | the smallest machine: the state is an int, one input, one untracked action |
| `payments` | tracked actions by hand: ids, questions after a crash, a world that remembers |
| `coffee_shop` | `fasm.Outstanding`; a late success after a cancellation; a limit on what is given away |
| `dentist` | a race for a slot, effects that undo effects, a timer, money that adds up |
| `async_counter` | a state that is a transaction: awaited, rolled back, able to fail |

Read them in this order. Each one says in its docstring what goes wrong without it; the tests keep a broken
twin of each, and show that its laws catch the twin.
"""
