//! The `tributary` program.

fn main() -> std::process::ExitCode {
    tributary::main_entry()
}
