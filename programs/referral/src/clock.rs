use anchor_lang::prelude::*;

/// The cluster's current time, in unix seconds.
pub fn now() -> Result<i64> {
    Ok(<Clock as PinocchioSysvar>::get()?.unix_timestamp)
}
