//! The `tributary` program.

/// The store allocates and frees pages on several threads at once: glibc's allocator took two fifths of the processor time
/// of folding and rebuilding, and musl's has one lock for all threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    tributary::main_entry()
}
