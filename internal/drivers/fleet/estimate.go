package fleet

import (
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
)

// Load is how many devices an apply adds and removes. Those behind a gateway, which take fewer requests, are counted
// apart.
type Load struct {
	Added         int `json:"added"`
	Removed       int `json:"removed"`
	AddedBehind   int `json:"added_behind"`
	RemovedBehind int `json:"removed_behind"`
	// Rotated are the devices that get another certificate beside the one that they have.
	Rotated int `json:"rotated"`
}

// LoadOf counts the devices of two lists.
func LoadOf(added, removed []string) Load {
	var l Load
	for _, name := range added {
		if behindGateway(name) {
			l.AddedBehind++
		} else {
			l.Added++
		}
	}
	for _, name := range removed {
		if behindGateway(name) {
			l.RemovedBehind++
		} else {
			l.Removed++
		}
	}
	return l
}

// All is how many devices are added and removed.
func (l Load) All() (added, removed int) { return l.Added + l.AddedBehind, l.Removed + l.RemovedBehind }

// Estimate returns how long the requests for so many devices take at least, and which operation decides that. rate
// returns the requests per second that an operation ("iot:CreateThing") is limited to, or 0 for no limit; latency is
// not included. A plan warns with it if the chosen credentials store is what takes long.
func Estimate(l Load, storeKind string, rate func(operation string) float64) (time.Duration, string) {
	added, removed, certified := l.Added, l.Removed, l.Added+l.Rotated
	allAdded, allRemoved := l.All()
	counts := map[string]int{
		"iot:CreateThing": allAdded, "iot:AddThingToThingGroup": allAdded,
		"iot:CreateCertificateFromCsr": certified, "iot:AttachThingPrincipal": certified,
		"iot:UpdateThing": added + 2*l.Rotated, "iot:DescribeThing": 2 * l.Rotated,
		"iot:UpdateCertificate": removed, "iot:ListPrincipalThings": removed, "iot:DetachThingPrincipal": removed,
		"iot:DeleteCertificate": removed, "iot:RemoveThingFromThingGroup": allRemoved, "iot:DeleteThing": allRemoved,
	}
	switch storeKind {
	case credstore.SecretsManager:
		counts["secretsmanager:CreateSecret"], counts["secretsmanager:DeleteSecret"] = added, removed
		counts["secretsmanager:UpdateSecret"] = l.Rotated
	case credstore.Bucket: // S3 takes thousands of requests a second
	default:
		counts["ssm:PutParameter"], counts["ssm:DeleteParameters"] = certified, pages(removed, credstore.Batch)
	}
	return slowestOf(counts, rate)
}

// EstimateCheck is Estimate for a deep check.
func EstimateCheck(devices int, storeKind string, rate func(operation string) float64) (time.Duration, string) {
	counts := map[string]int{"iot:ListThingPrincipals": devices}
	switch storeKind {
	case credstore.SecretsManager:
		counts["secretsmanager:ListSecrets"] = pages(devices, credstore.SecretsPage)
	case credstore.Bucket:
	default:
		counts["ssm:DescribeParameters"] = pages(devices, credstore.ParametersPage)
	}
	return slowestOf(counts, rate)
}

func pages(n, size int) int { return (n + size - 1) / size }

// slowestOf returns the operation that takes longest and how long that is.
func slowestOf(counts map[string]int, rate func(operation string) float64) (time.Duration, string) {
	var longest time.Duration
	slowest := ""
	for operation, n := range counts {
		perSecond := rate(operation)
		if perSecond <= 0 {
			continue
		}
		takes := time.Duration(float64(n) / perSecond * float64(time.Second))
		if takes > longest || takes == longest && takes > 0 && operation < slowest {
			longest, slowest = takes, operation
		}
	}
	return longest, slowest
}
