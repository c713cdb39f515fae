//! Wasm-to-Wasm rewriting behind Dormouse.
