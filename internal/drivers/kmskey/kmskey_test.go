package kmskey

import "testing"

func TestSame(t *testing.T) {
	const id, arn = "1f3c", "arn:aws:kms:eu-west-1:123456789012:key/1f3c"
	for _, tc := range []struct {
		why, have, want string
		same            bool
	}{
		{"the very name", arn, arn, true},
		{"no key and no key", "", "", true},
		{"AWS answers with the ARN of an ID", arn, id, true},
		{"another key", arn, "9a9a", false},
		{"an alias is known only to KMS", arn, "alias/1f3c", false},
		{"the same alias", "alias/x", "alias/x", true},
		{"a key where none is wanted", arn, "", false},
		{"none where a key is wanted", None, id, false},
	} {
		if got := Same(tc.have, tc.want); got != tc.same {
			t.Errorf("%s: Same(%q, %q) = %v", tc.why, tc.have, tc.want, got)
		}
	}
}
