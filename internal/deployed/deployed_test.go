package deployed

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// account is a local AWS with its clients.
type account struct {
	*mototest.Server
	*awsapi.Clients
	t *testing.T
}

func newAccount(t *testing.T) account {
	t.Helper()
	t.Parallel()
	server := mototest.Start(t)
	clients := awsapi.New(server.Config(t), awsapi.Options{Unlimited: true, S3UsePathStyle: true})
	return account{server, clients.WithAccount(mototest.AccountID), t}
}

func (a account) put(name, value string, tags map[string]string) {
	a.t.Helper()
	in := &ssm.PutParameterInput{Name: &name, Value: &value, Type: ssmtypes.ParameterTypeSecureString}
	for k, v := range tags {
		in.Tags = append(in.Tags, ssmtypes.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	if _, err := a.SSM().PutParameter(a.t.Context(), in); err != nil {
		a.t.Fatal(err)
	}
}

// count returns how often an operation was requested since from.
func (a account) count(from int, operation string) int {
	n := 0
	for _, r := range a.Server.Requests(a.t)[from:] {
		if r.Operation == operation {
			n++
		}
	}
	return n
}

// take reads at most n of a sequence.
func take[T any](t *testing.T, all iter.Seq2[T, error], n int) []T {
	t.Helper()
	var taken []T
	for one, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		if taken = append(taken, one); len(taken) == n {
			break
		}
	}
	return taken
}

// Only manifests count, tags select, and a page is asked for only when somebody wants it.
func TestPipelines(t *testing.T) {
	a := newAccount(t)
	for i := range 120 {
		tags := map[string]string{"team": "plants"}
		if i%40 == 0 {
			tags["stage"] = "production"
		}
		a.put(contract.ManifestName(fmt.Sprintf("farm-%03d", i)), "{}", tags)
	}
	for _, name := range []string{ // none of a pipeline
		"/iot-pipeline/farm-000/devices/manifest", "/iot-pipeline/farm-000/devices/manifest-1",
		"/iot-pipeline/farm-000/devices/a", "/elsewhere/iot-pipeline/x/manifest", "/iot-pipeline/manifest",
	} {
		a.put(name, "{}", map[string]string{"team": "plants"})
	}
	all := take(t, Pipelines(t.Context(), a.Clients, nil), 1000)
	if slices.Sort(all); len(all) != 120 || all[0] != "farm-000" || all[119] != "farm-119" {
		t.Errorf("found %d: %v", len(all), all)
	}
	selected := take(t, Pipelines(t.Context(), a.Clients, map[string]string{"team": "plants", "stage": "production"}), 1000)
	if slices.Sort(selected); !slices.Equal(selected, []string{"farm-000", "farm-040", "farm-080"}) {
		t.Errorf("tags select %v", selected)
	}
	for want, n := range map[int]int{1: 10, 6: 60} { // pages of moto have 10, whatever is asked for
		from := len(a.Server.Requests(t))
		take(t, Pipelines(t.Context(), a.Clients, nil), n)
		if got := a.count(from, "DescribeParameters"); got != want {
			t.Errorf("the first %d took %d requests, want %d", n, got, want)
		}
	}
	a.Fail(t, mototest.Fault{Service: "ssm", Operation: "DescribeParameters", Code: "AccessDeniedException", Times: 1})
	for _, err := range Pipelines(t.Context(), a.Clients, nil) {
		if err == nil || !strings.Contains(err.Error(), "listing the manifests of pipelines") {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestFindWhatIsNotThere(t *testing.T) {
	a := newAccount(t)
	_, err := Find(t.Context(), a.Clients, "farm")
	if want := `pipeline "farm" does not exist in account 123456789012 and region us-east-1: there is no SSM parameter ` +
		`"/iot-pipeline/farm/manifest"`; err == nil || err.Error() != want {
		t.Errorf("the error is %v", err)
	}
	a.put(contract.ManifestName("farm"), "{", nil)
	if _, err := Find(t.Context(), a.Clients, "farm"); err == nil || !strings.Contains(err.Error(), "reading manifest") {
		t.Errorf("the error is %v", err)
	}
}

// fleet makes a pipeline with 300 things, rows for some of them, and things and rows of others.
func (a account) fleet(ctx context.Context) *Pipeline {
	a.t.Helper()
	m := contract.Manifest[arguments]{Version: contract.ManifestVersion, ID: "token", Name: "farm",
		Parts: map[string]contract.ManifestPart{contract.KeyDeviceTable: {Name: "farm"}, contract.KeyThingType: {Name: "farm"}}}
	text, err := contract.FormatManifest(m)
	if err != nil {
		a.t.Fatal(err)
	}
	a.put(contract.ManifestName("farm"), text, nil)
	check := func(_ any, err error) {
		a.t.Helper()
		if err != nil {
			a.t.Fatal(err)
		}
	}
	check(a.IoT().CreateThingType(ctx, &iot.CreateThingTypeInput{ThingTypeName: aws.String("farm")}))
	check(a.DynamoDB().CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String("farm"), BillingMode: dbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []dbtypes.AttributeDefinition{
			{AttributeName: aws.String(contract.DeviceKey), AttributeType: dbtypes.ScalarAttributeTypeS}},
		KeySchema: []dbtypes.KeySchemaElement{{AttributeName: aws.String(contract.DeviceKey), KeyType: dbtypes.KeyTypeHash}},
	}))
	for i := range 301 {
		owner, name := "token", fmt.Sprintf("d-%03d", i)
		if i == 300 {
			owner = "another"
		}
		attributes := map[string]string{contract.OwnerAttribute: owner, "bay": fmt.Sprint(i % 3)}
		if i == 7 {
			attributes[contract.RegisteredAttribute] = contract.RegisteredByClaim
		}
		check(a.IoT().CreateThing(ctx, &iot.CreateThingInput{ThingName: &name, ThingTypeName: aws.String("farm"),
			AttributePayload: &iottypes.AttributePayload{Attributes: attributes}}))
		if i%50 == 7 {
			check(a.DynamoDB().PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("farm"),
				Item: map[string]dbtypes.AttributeValue{
					contract.DeviceKey:         &dbtypes.AttributeValueMemberS{Value: name},
					contract.StatusAttribute:   &dbtypes.AttributeValueMemberS{Value: contract.StatusOnline},
					contract.LastSeenAttribute: &dbtypes.AttributeValueMemberN{Value: "1700000000000"},
				}}))
		}
	}
	p, err := Find(ctx, a.Clients, "farm")
	if err != nil {
		a.t.Fatal(err)
	}
	return p
}

// Devices come from the registry with their state from the table, filtered, and page by page.
func TestDevices(t *testing.T) {
	a := newAccount(t)
	p := a.fleet(t.Context())
	for filter, want := range map[*Filter]int{
		{}:                              300,
		{Status: contract.StatusOnline}: 6,
		{Status: NeverSeen}:             294,
		{Status: contract.StatusSilent}: 0,
		{Attributes: map[string]string{"bay": "1"}}:                                100,
		{Attributes: map[string]string{"bay": "1", "row": ""}}:                     0,
		{Status: contract.StatusOnline, Attributes: map[string]string{"bay": "1"}}: 2,
	} {
		if got := len(take(t, p.Devices(t.Context(), *filter), 1000)); got != want {
			t.Errorf("%+v selects %d devices, want %d", *filter, got, want)
		}
	}
	for _, d := range take(t, p.Devices(t.Context(), Filter{}), 1000) {
		seen := d.Name[3:] == "07" || d.Name[3:] == "57"
		if seen != (d.Status == contract.StatusOnline) || seen == d.LastSeen.IsZero() || len(d.Attributes) != 1 ||
			(d.Registered == contract.RegisteredByClaim) != (d.Name == "d-007") ||
			!strings.HasSuffix(d.ThingARN, ":thing/"+d.Name) {
			t.Errorf("read %+v", d)
		}
	}
	from := len(a.Server.Requests(t))
	take(t, p.Devices(t.Context(), Filter{}), 10)
	if things, rows := a.count(from, "ListThings"), a.count(from, "BatchGetItem"); things != 1 || rows != 3 {
		t.Errorf("the first ten took %d lists and %d reads", things, rows)
	}
	if _, err := a.DynamoDB().DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: aws.String("farm")}); err != nil {
		t.Fatal(err)
	}
	if got := len(take(t, p.Devices(t.Context(), Filter{Status: NeverSeen}), 1000)); got != 300 {
		t.Errorf("without the table, %d devices have never been seen", got)
	}
}
