// Package thing checks the names of things, and does nothing else.
package thing

// Valid reports whether name can be a thing's name [AWS 1.3]: 1 to 128 of a-z, A-Z, 0-9, colon, underscore and hyphen.
// The device table's special items start with "$", so a valid name can never address one.
func Valid(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != ':' && c != '_' && c != '-' {
			return false
		}
	}
	return 0 < len(name) && len(name) <= 128
}
