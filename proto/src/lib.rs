//! The contract of `tributary.v1`: messages generated from `proto/tributary/v1`. No logic lives here.

/// Messages of package `tributary.v1`; their documentation stands in the `.proto` files.
pub mod v1 {
    #![expect(missing_docs, reason = "generated from the .proto files, which carry the documentation")]
    include!(concat!(env!("OUT_DIR"), "/tributary.v1.rs"));
}
