package function

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

var errNoCode = errors.New("the provider was built without its functions: run make build")

// states plays a function that passes through the given states, one for each read: moto's functions are active at once.
func states(t *testing.T, answers ...string) *Driver {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2015-03-31/functions/"+name+"/configuration", func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(answers[0]))
		if len(answers) > 1 {
			answers = answers[1:]
		}
	})
	server := httptest.NewServer(mototest.Start(t).Checked(t, mux))
	t.Cleanup(server.Close)
	return New(awsapi.New(aws.Config{
		Region: mototest.Region, BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("stub", "stub", ""),
	}, awsapi.Options{Unlimited: true, Clock: awsapi.NewInstantClock()}))
}

func state(state, update, reason string) string {
	return fmt.Sprintf(
		`{"State":%q,"StateReason":%q,"LastUpdateStatus":%q,"LastUpdateStatusReason":%q}`,
		state,
		reason,
		update,
		reason,
	)
}

func TestWait(t *testing.T) {
	for _, tc := range []struct {
		why     string
		answers []string
		fails   string
	}{
		{why: "a new function", answers: []string{state("Pending", "Successful", ""),
			state("Pending", "Successful", ""), state("Active", "Successful", "")}},
		{why: "a changed function", answers: []string{state("Active", "InProgress", ""),
			state("Active", "Successful", "")}},
		{why: "an idle function", answers: []string{state("Inactive", "Successful", "")}},
		{why: "it could not be made", answers: []string{state("Pending", "Successful", ""),
			state("Failed", "Successful", "no such key")}, fails: "no such key"},
		{why: "it could not be changed", answers: []string{state("Active", "Failed", "no such role")},
			fails: "no such role"},
		{why: "it hangs", answers: []string{state("Pending", "Successful", "")}, fails: "10m0s"},
	} {
		t.Run(tc.why, func(t *testing.T) {
			err := states(t, tc.answers...).Wait(t.Context(), assembly.Ref{Name: name})
			if (tc.fails == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tc.fails) {
				t.Errorf("got %v, want %q", err, tc.fails)
			}
		})
	}
}

func TestAFailedUpdateDoesNotStopItsRepair(t *testing.T) {
	d := states(t, state("Active", "InProgress", ""), state("Active", "Failed", "no such role"))
	if err := d.waitUpdated(t.Context(), name, false); err != nil {
		t.Error(err)
	}
}

func TestResourcePolicies(t *testing.T) {
	const ours = `{"Sid":"a","Effect":"Allow","Principal":{"Service":"iot.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"r",
		"Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"},"ArnLike":{"AWS:SourceArn":"arn:aws:iot:r:a:rule/x"}}}`
	a := spec.Permission{
		StatementID:   "a",
		Principal:     "iot.amazonaws.com",
		SourceARN:     "arn:aws:iot:r:a:rule/x",
		SourceAccount: "123456789012",
	}
	for _, tc := range []struct {
		why, statement string
		ours           bool
	}{
		{"as AddPermission writes it", ours, true},
		{"another action", strings.Replace(ours, "lambda:InvokeFunction", "lambda:*", 1), false},
		{"an account", strings.Replace(ours, `{"Service":"iot.amazonaws.com"}`,
			`{"AWS":"arn:aws:iam::210987654321:root"}`, 1), false},
		{"everybody", strings.Replace(ours, `{"Service":"iot.amazonaws.com"}`, `"*"`, 1), false},
		{"a denial", strings.Replace(ours, "Allow", "Deny", 1), false},
		{"lists, as other tools write them", strings.Replace(ours, `"lambda:InvokeFunction"`,
			`["lambda:InvokeFunction"]`, 1), false},
	} {
		got, err := parsePolicy(`{"Version":"2012-10-17","Id":"default","Statement":[` + tc.statement + `]}`)
		if err != nil || len(got) != 1 || got[0].StatementID != "a" {
			t.Errorf("%s: %+v, %v", tc.why, got, err)
			continue
		}
		if same := cmp.Equal(got[0], a); same != tc.ours {
			t.Errorf("%s: read as %+v", tc.why, got[0])
		}
	}
	if _, err := parsePolicy("no JSON"); err == nil {
		t.Error("text that is not a policy was read")
	}
}
