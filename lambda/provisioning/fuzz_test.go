package provisioning

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
)

// generous is a list that has every serial, unused, and a registry without things: what it admits is up to the event.
type generous struct {
	used []string
}

func (g *generous) GetItem(
	_ context.Context,
	in *dynamodb.GetItemInput,
	_ ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: in.Key}, nil
}

func (g *generous) UpdateItem(
	_ context.Context,
	in *dynamodb.UpdateItemInput,
	_ ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	g.used = append(g.used, in.Key["serial"].(*types.AttributeValueMemberS).Value)
	return &dynamodb.UpdateItemOutput{}, nil
}

func (g *generous) DescribeThing(
	context.Context,
	*iot.DescribeThingInput,
	...func(*iot.Options),
) (*iot.DescribeThingOutput, error) {
	return nil, &iottypes.ResourceNotFoundException{}
}

// FuzzAdmit: whatever comes, the hook decides, admits nothing but what the contract has, and has nothing to log that
// is long or unprintable.
//
// It fuzzes the decision alone: timers and the log make coverage depend on chance, which the fuzzer takes for
// discoveries.
func FuzzAdmit(f *testing.F) {
	file, err := os.ReadFile("testdata/event.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	for _, change := range []func(*events.IoTPreProvisionHookRequest){
		from(""), with("SerialNumber", "A1\x00\u2028"), with("bay", "é"), with("AWS::IoT::Certificate::Id", another),
		func(r *events.IoTPreProvisionHookRequest) { r.TemplateARN = "arn" },
		func(r *events.IoTPreProvisionHookRequest) { r.Parameters = nil },
	} {
		f.Add(changed(f, change))
	}
	for _, text := range []string{``, `null`, `{}`, `[[`, `{"parameters":{"SerialNumber":1}}`,
		`{"parameters":null,"certificateId":"a","templateArn":"\ud800"}`} {
		f.Add([]byte(text))
	}
	template := recorded(f).TemplateARN
	f.Fuzz(func(t *testing.T, event []byte) {
		g := &generous{}
		h := &handler{
			config: config{
				pipeline:    "greenhouse",
				table:       allowTable,
				templateARN: template,
				owner:       "token",
				prefix:      "dev-",
				attributes:  []string{"bay"},
			},
			list: &allowList{client: g, table: allowTable}, registry: g, now: time.Now,
		}
		r, why := h.admit(t.Context(), event)
		if len(r.clientID) > maxClientID || !utf8.ValidString(r.clientID) || r.serial != "" && !validSerial(r.serial) ||
			!fits(r.certificateID, maxCertificate) ||
			!fits(r.thing, 128) {
			t.Errorf("a registration that cannot be logged or stored: %+v", r)
		}
		if why != nil {
			if why.reason == panicked || !fits(why.detail, 5*maxDetail) || len(g.used) != 0 {
				t.Errorf("refused for %s: %s; used up %q", why.reason, why.detail, g.used)
			}
			return
		}
		var request events.IoTPreProvisionHookRequest
		if err := json.Unmarshal(event, &request); err != nil {
			t.Fatalf("admitted a malformed event: %v", err)
		}
		if request.TemplateARN != template || request.CertificateID != r.certificateID || r.certificateID == "" ||
			request.Parameters["SerialNumber"] != r.serial ||
			r.thing != "dev-"+r.serial || request.Parameters["bay"] == "" ||
			len(r.overrides) != 0 ||
			!slices.Equal(g.used, []string{r.serial}) {
			t.Errorf("admitted %+v for %+v, used up %q", r, request, g.used)
		}
	})
}

// fits reports whether text is printable ASCII, also where it was cut, and not longer than limit.
func fits(text string, limit int) bool {
	for _, c := range strings.ReplaceAll(text, "…", "") {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(text) <= limit
}
