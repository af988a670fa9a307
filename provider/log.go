package provider

import (
	"os"
	"strings"
)

// frameworkLog names the level of the plugin framework's own log lines.
const frameworkLog = "TF_LOG_SDK_FRAMEWORK"

// QuietFramework switches off what the plugin framework says of each value that it looks at, unless somebody asks for
// it.
//
// Framework 1.19 writes these lines whether Terraform's log is on or not, and finds the logger for each in a chain of
// contexts that grows by a link per value: with 1000 devices in a map, half of the provider's time. It reads the
// level when a request comes in, so this is for main to call before it serves.
func QuietFramework() {
	if level := frameworkLevel(os.Getenv); level != "" {
		_ = os.Setenv(frameworkLog, level) // fails for names and values that no environment holds
	}
}

// frameworkLevel is the level to set, or nothing where the user's own choice stands. Terraform takes a level that it
// does not know for TRACE.
func frameworkLevel(environment func(string) string) string {
	if environment(frameworkLog) != "" {
		return ""
	}
	for _, name := range []string{"TF_LOG", "TF_LOG_PROVIDER"} {
		switch strings.ToUpper(environment(name)) {
		case "", "OFF", "ERROR", "WARN", "INFO":
		default:
			return ""
		}
	}
	return "WARN"
}
