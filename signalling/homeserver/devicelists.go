package homeserver

import (
	"maps"
	"slices"
)

// deviceLists compares whose devices u has to know at a position with whose
// now: changed are those with new keys or newly met, left those that u shares
// no room with any more. The model must be locked.
func (m *model) deviceLists(u *user, since int64) *deviceLists {
	changed, left := make(map[string]bool), make(map[string]bool)
	for _, r := range u.rooms {
		was := at(r.spans[u.id], since) == memberJoin
		is := r.joined[u.id] != nil
		switch {
		case is && !was:
			for id := range r.joined {
				changed[id] = true
			}
		case was && !is:
			for id := range r.spans {
				left[id] = at(r.spans[id], since) == memberJoin || left[id]
			}
		case is && r.membersAt > since:
			r.arrivals(since, changed, left)
		}
	}
	delete(changed, u.id) // one does not meet oneself
	u.acquaintances(func(other *user) {
		delete(left, other.id)
		if other.KeysAt > since {
			changed[other.id] = true
		}
	})
	maps.DeleteFunc(left, func(_ string, gone bool) bool { return !gone })
	return &deviceLists{sorted(changed), sorted(left)}
}

// arrivals adds who came and who went since a position.
func (r *room) arrivals(since int64, changed, left map[string]bool) {
	for id, spans := range r.spans {
		if spans[len(spans)-1].from <= since {
			continue
		}
		was, is := at(spans, since) == memberJoin, r.joined[id] != nil
		if is && !was {
			changed[id] = true
		}
		if was && !is {
			left[id] = true
		}
	}
}

func sorted(set map[string]bool) []string {
	list := slices.AppendSeq([]string{}, maps.Keys(set))
	slices.Sort(list)
	return list
}
