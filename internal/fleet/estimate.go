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
		counts["ssm:PutParameter"], counts["ssm:DeleteParameters"] = added, (removed+batch-1)/batch
	}
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
