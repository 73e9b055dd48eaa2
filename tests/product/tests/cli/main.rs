//! `vouch`, the command line, on a real validator and with the real API.

mod api;
mod company;
mod faults;
mod home;
mod referrer;
