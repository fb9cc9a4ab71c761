//! Compiles the `.proto` files with protox: no system compiler is needed, and the code is never stale.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=tributary");
    let descriptors = protox::compile(["tributary/v1/event.proto"], ["."])?;
    prost_build::Config::new().bytes(["."]).compile_fds(descriptors)?;
    Ok(())
}
