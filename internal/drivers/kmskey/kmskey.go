// Package kmskey compares names of KMS keys. It makes no call and must not know what is encrypted.
package kmskey

import "strings"

// None stands, in an observed spec, for "not encrypted with a key"; it is never wanted.
const None = "none"

// Same reports whether two names certainly mean one key: services answer with the ARN of a key that was given by its
// ID. An alias and a key's ARN cannot be told apart from two keys without asking KMS and count as different.
func Same(have, want string) bool {
	return have == want || bare(have) != "" && bare(have) == bare(want)
}

// bare gives the key's ID, or empty for an alias.
func bare(name string) string {
	if strings.Contains(name, "alias/") {
		return ""
	}
	return name[strings.LastIndex(name, "/")+1:]
}
