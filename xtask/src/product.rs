//! Everything that the whole product needs, built.

use std::env;

use anyhow::Result;

use crate::{build, web};

/// Builds everything for `up` and `demo`: validator, program, front end, services.
pub(crate) async fn build() -> Result<()> {
    if env::var_os(build::BUILT).is_some() {
        return Ok(());
    }
    build::validator().await?;
    build::program().await?;
    web::build().await?;
    build::binaries().await
}
