package awstest

import (
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// LocalAWS is a local AWS account that belongs to one test.
type LocalAWS struct {
	Account
	Server *mototest.Server
	before []string // objects that were there first
}

// Start gives the test an account that is empty but for what AWS puts into each.
func Start(t testing.TB) *LocalAWS {
	t.Helper()
	return StartIn(t, mototest.Region)
}

// StartIn is [Start], looking at another region than [mototest.Region].
func StartIn(t testing.TB, region string) *LocalAWS {
	t.Helper()
	server := mototest.Start(t)
	l := &LocalAWS{Account: New(t, server.Config(t)), Server: server}
	if region != mototest.Region {
		l.Account = Account{l.InRegion(region)}
	}
	l.before = l.Objects(t)
	return l
}

// Left lists the objects that were not there at first, as "kind name", sorted.
func (l *LocalAWS) Left(t testing.TB) []string {
	t.Helper()
	return slices.DeleteFunc(l.Objects(t), func(object string) bool { return slices.Contains(l.before, object) })
}

// RequireEmpty reports an error unless the account is as empty as at first.
func (l *LocalAWS) RequireEmpty(t testing.TB, when string) {
	t.Helper()
	if left := l.Left(t); len(left) > 0 {
		t.Errorf("%s: left in the account:\n%s", when, strings.Join(left, "\n"))
	}
}
