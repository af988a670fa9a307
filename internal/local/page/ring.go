package page

// A ring keeps the latest values, each with a number from 1.
type ring[T any] struct {
	size  int
	list  []T
	count uint64 // of all values ever added
}

// add adds a value, which number, unless it is nil, tells its number. It returns the value that a full ring forgets.
func (r *ring[T]) add(v T, number func(*T, uint64)) (gone T, full bool) {
	r.count++
	if number != nil {
		number(&v, r.count)
	}
	if len(r.list) < r.size {
		r.list = append(r.list, v)
		return gone, false
	}
	at := int((r.count - 1) % uint64(r.size))
	gone, r.list[at] = r.list[at], v
	return gone, true
}

// since returns the values with a greater number, at most n of them: the latest, the oldest first.
func (r *ring[T]) since(number uint64, n int) []T {
	from := max(number, r.count-uint64(min(n, len(r.list))))
	all := make([]T, 0, r.count-min(from, r.count))
	for k := from; k < r.count; k++ {
		all = append(all, r.list[k%uint64(r.size)])
	}
	return all
}
