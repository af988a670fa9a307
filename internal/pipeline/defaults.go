package pipeline

// Defaults returns the effective description: every scalar that has a default is set, and every block that always takes
// effect is present. Timestream, InfluxDB, alerts, monitoring and provisioning stay nil when they are not written,
// because then they do not exist. The argument is not changed.
func Defaults(s Spec) Spec {
	for _, c := range capabilities() {
		if c.defaults != nil {
			c.defaults(&s)
		}
	}
	return s
}

// block returns a copy of a block of arguments, empty when the block is not written.
func block[T any](p *T) *T {
	v := deref(p)
	return &v
}

// or returns a copy of what p points to, or of the default when p is nil.
func or[T any](p *T, otherwise T) *T {
	if p == nil {
		return &otherwise
	}
	v := *p
	return &v
}

// deref returns what p points to, or the zero value.
func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func ptr[T any](v T) *T { return &v }
