//! What belongs to each lead, side by side: the millions come in the order of time, and are dealt out instead of
//! compared with each other.

/// Things by the group they are of.
#[derive(Debug)]
pub(super) struct Groups<T> {
    all: Vec<T>,
    /// Where each group ends in `all`.
    ends: Vec<usize>,
}

impl<T: Copy> Groups<T> {
    /// Groups `things`, each known by its group, of which there are `count`. In its group, each keeps its turn.
    pub(super) fn of(things: &[(u32, T)], count: usize) -> Self {
        let mut ends = vec![0; count];
        let Some((_, any)) = things.first() else { return Self { all: Vec::new(), ends } };
        for (group, _) in things {
            ends[*group as usize] += 1;
        }
        let mut start = 0;
        for end in &mut ends {
            start += std::mem::replace(end, start);
        }
        // From the start of its group on, each end moves to where it belongs as the group fills.
        let mut all = vec![*any; things.len()];
        for (group, thing) in things {
            let end = &mut ends[*group as usize];
            all[*end] = *thing;
            *end += 1;
        }
        Self { all, ends }
    }

    /// Those of a group.
    pub(super) fn get(&self, group: u32) -> &[T] {
        let (start, end) = self.range(group as usize);
        &self.all[start..end]
    }

    /// Each group, to be put into order.
    pub(super) fn each_mut(&mut self, mut order: impl FnMut(&mut [T])) {
        for group in 0..self.ends.len() {
            let (start, end) = self.range(group);
            order(&mut self.all[start..end]);
        }
    }

    fn range(&self, group: usize) -> (usize, usize) {
        (group.checked_sub(1).map_or(0, |before| self.ends[before]), self.ends[group])
    }
}

impl<T> Default for Groups<T> {
    fn default() -> Self {
        Self { all: Vec::new(), ends: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_has_its_own_in_their_turn() {
        let mut groups = Groups::of(&[(3, 'a'), (1, 'b'), (3, 'c'), (1, 'd'), (3, 'a')], 5);
        let all = |groups: &Groups<char>| [0, 1, 2, 3, 4].map(|group| groups.get(group).iter().collect::<String>());
        assert_eq!(all(&groups), ["", "bd", "", "aca", ""]);
        groups.each_mut(<[char]>::sort_unstable);
        assert_eq!(all(&groups), ["", "bd", "", "aac", ""]);
        assert_eq!(all(&Groups::of(&[], 5)), [""; 5]);
    }
}
