//! The `tributary` program.

/// The store allocates and frees pages on several threads at once, which the system's allocator of glibc answers with
/// contention and of musl with a lock: this one halves the time of folding.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    tributary::main_entry()
}
