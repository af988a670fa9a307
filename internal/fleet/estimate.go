package fleet

import "time"

// Estimate is how long the requests for so many devices take at least, and which operation decides that. rate gives the
// requests per second that an operation ("iot:CreateThing") is held to, or 0 where nothing holds it; latency is not in it.
// A plan warns with it when the chosen credentials store is what takes long.
func Estimate(added, removed int, storeKind string, rate func(operation string) float64) (time.Duration, string) {
	counts := map[string]int{"iot:UpdateCertificate": added + removed}
	for _, operation := range []string{"CreateThing", "AddThingToThingGroup", "CreateCertificateFromCsr", "AttachThingPrincipal", "UpdateThing"} {
		counts["iot:"+operation] = added
	}
	for _, operation := range []string{"ListPrincipalThings", "DetachThingPrincipal", "DeleteCertificate", "RemoveThingFromThingGroup", "DeleteThing"} {
		counts["iot:"+operation] = removed
	}
	if storeKind == StoreSecrets {
		counts["secretsmanager:CreateSecret"], counts["secretsmanager:DeleteSecret"] = added, removed
	} else {
		counts["ssm:PutParameter"], counts["ssm:DeleteParameters"] = added, pages(removed, batch)
	}
	return slowestOf(counts, rate)
}

// EstimateCheck is how long the requests of a deep check of so many devices take at least, in the terms of Estimate.
func EstimateCheck(devices int, storeKind string, rate func(operation string) float64) (time.Duration, string) {
	counts := map[string]int{"iot:ListThingPrincipals": devices}
	if storeKind == StoreSecrets {
		counts["secretsmanager:ListSecrets"] = pages(devices, secretsPage)
	} else {
		counts["ssm:DescribeParameters"] = pages(devices, parametersPage)
	}
	return slowestOf(counts, rate)
}

func pages(n, size int) int { return (n + size - 1) / size }

// slowestOf gives the operation that takes longest and how long that is.
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
