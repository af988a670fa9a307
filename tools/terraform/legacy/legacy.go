// Package legacy stands in for a package that only Terraform's own tests import.
package legacy
