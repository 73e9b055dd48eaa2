use anchor_lang::prelude::*;

/// Now, in unix seconds, as the cluster sees it.
pub fn now() -> Result<i64> {
    Ok(<Clock as PinocchioSysvar>::get()?.unix_timestamp)
}
