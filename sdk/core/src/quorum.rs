//! How many members must agree so that two agreements share an honest one (`specs/order-log.md`, Quorum).

/// The arithmetic of `members` voters, the keeper of an order log or the author of a log among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// Voters.
    pub members: usize,
}

impl Quorum {
    /// Of this many voters.
    pub const fn of(members: usize) -> Self {
        Self { members }
    }

    /// f: so many of them may lie.
    pub const fn liars(self) -> usize {
        self.members.saturating_sub(1) / 3
    }

    /// Q: so many have to agree, `ceil((n + f + 1) / 2)`. Two such sets share more than f.
    pub const fn size(self) -> usize {
        self.members.saturating_add(self.liars()).saturating_add(1).div_ceil(2)
    }

    /// q: so many cosignatures complete the signature of the keeper or author itself.
    pub const fn cosigners(self) -> usize {
        self.size().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::Quorum;

    #[test]
    fn the_table_of_the_page() {
        for (n, f, quorum) in [(1, 0, 1), (2, 0, 2), (3, 0, 2), (4, 1, 3), (5, 1, 4), (6, 1, 4), (7, 2, 5), (10, 3, 7), (16, 5, 11), (32, 10, 22)] {
            assert_eq!((Quorum::of(n).liars(), Quorum::of(n).size()), (f, quorum), "{n}");
        }
    }

    #[test]
    fn two_quorums_share_an_honest_voter_and_the_honest_are_enough() {
        for n in 1..=512 {
            let (f, quorum) = (Quorum::of(n).liars(), Quorum::of(n).size());
            assert!(2 * quorum - n > f, "{n}: intersection");
            assert!(quorum <= n - f, "{n}: the honest alone must do");
            let next = Quorum::of(n + 1).size();
            assert!(quorum + next - (n + 1) > f, "{n}: intersection across one change of members");
        }
    }
}
