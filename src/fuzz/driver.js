// Calls the function that is fuzzed.
