//! Tells the compiler which `CPython` it builds for, and the module how it was built.

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
    // Cargo sets it for every build script: `release` for optimised profiles, `debug` for the others.
    let profile = std::env::var("PROFILE").unwrap_or_default();
    println!("cargo:rustc-env=FASM_PROFILE={profile}");
}
