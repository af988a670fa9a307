package provider

import "testing"

func TestFrameworkLevel(t *testing.T) {
	for _, tc := range []struct {
		why         string
		environment map[string]string
		want        string
	}{
		{"nobody reads", nil, "WARN"},
		{"progress is watched", map[string]string{"TF_LOG_PROVIDER": "INFO"}, "WARN"},
		{"in small letters", map[string]string{"TF_LOG": "error"}, "WARN"},
		{"all of Terraform's log", map[string]string{"TF_LOG": "TRACE"}, ""},
		{"the provider's log", map[string]string{"TF_LOG_PROVIDER": "debug"}, ""},
		{"JSON is everything", map[string]string{"TF_LOG": "JSON"}, ""},
		{"the user has chosen", map[string]string{"TF_LOG_SDK_FRAMEWORK": "DEBUG"}, ""},
	} {
		if got := frameworkLevel(func(name string) string { return tc.environment[name] }); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.why, got, tc.want)
		}
	}
}
