package pipeline

// Validate reports everything that is wrong with a description and can be known before anything exists. unknown tells
// which attributes have no value yet; nil means that all have. config.Region should be the effective region; checks
// that depend on it are skipped otherwise. The timeouts are not checked: they concern only who runs the operations.
func Validate(config Spec, unknown func(path string) bool) []Problem {
	c := &checker{unknown: unknown, region: deref(config.Region)}
	for _, one := range capabilities() {
		if one.check != nil {
			one.check(c, config)
		}
	}
	return c.problems
}
