//! The `dormouse` command.

#[global_allocator]
static HEAP: dormouse::cli::Heap = dormouse::cli::Heap;

fn main() -> std::process::ExitCode {
    dormouse::cli::main()
}
