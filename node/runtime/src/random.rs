//! Randomness for the rules: a cipher-based generator, seeded by the operating system.

use rand::SeedableRng;
use rand::rngs::StdRng;
use zeroize::Zeroizing;

/// A fresh generator.
///
/// # Errors
/// The operating system's, when it has no randomness to give.
pub fn generator() -> Result<StdRng, getrandom::Error> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice())?;
    Ok(StdRng::from_seed(*seed))
}
