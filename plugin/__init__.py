"""One call: what a runtime asks for is understood, done, answered and logged, here or by an agent."""
