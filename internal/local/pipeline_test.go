package local

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// bootstraps are the real functions, and a hook, built for this machine.
var bootstraps = map[string]string{}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "local-")
	if err != nil {
		panic(err)
	}
	for source, names := range map[string][]string{"../../lambda/bootstrap": {"processor", "alerts", "archiver"},
		"./testdata/hook": {"provisioning"}, "./testdata/echo": {"api"}} {
		path := filepath.Join(dir, filepath.Base(source))
		build := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", path, source)
		if out, err := build.CombinedOutput(); err != nil {
			panic(string(out))
		}
		for _, name := range names {
			bootstraps[name] = path
		}
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

const account = mototest.AccountID

// deployed is a pipeline "gh" made by hand, of the shape that the provider makes.
type deployed struct {
	server *mototest.Server
	aws    *awsapi.Clients
	queue  string // dead letters
	topic  string // alerts
}

// deploy makes the pipeline with the devices soil-001 and so on.
func deploy(t *testing.T, devices int) *deployed {
	t.Helper()
	server := mototest.Start(t)
	d := &deployed{server: server, aws: awsapi.NewLocal(server.Config(t))}
	d.make(t, devices)
	return d
}

func (d *deployed) make(t *testing.T, devices int) {
	t.Helper()
	ctx, c := t.Context(), d.aws
	must(c.Kinesis().CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("gh"),
		ShardCount: aws.Int32(1)}))(
		t,
	)
	must(c.TimestreamWrite().CreateDatabase(ctx,
		&timestreamwrite.CreateDatabaseInput{DatabaseName: aws.String("gh")}))(t)
	must(c.TimestreamWrite().CreateTable(ctx,
		&timestreamwrite.CreateTableInput{DatabaseName: aws.String("gh"), TableName: aws.String("readings")}))(t)
	must(
		c.DynamoDB().CreateTable(
			ctx,
			&dynamodb.CreateTableInput{TableName: aws.String("gh"), BillingMode: ddbtypes.BillingModePayPerRequest,
				AttributeDefinitions: []ddbtypes.AttributeDefinition{
					{AttributeName: aws.String("device_id"), AttributeType: "S"},
				},
				KeySchema: []ddbtypes.KeySchemaElement{
					{AttributeName: aws.String("device_id"), KeyType: "HASH"},
				}},
		),
	)(t)
	d.queue = *must(c.SQS().CreateQueue(ctx,
		&sqs.CreateQueueInput{QueueName: aws.String("gh-dead-letters")}))(t).QueueUrl
	d.topic = *must(c.SNS().CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("gh-alerts")}))(t).TopicArn
	must(c.S3().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("gh-archive")}))(t)
	d.functions(t)
	d.rule(t, "telemetry", "SELECT * FROM 'gh/+/telemetry'", types.Action{
		Kinesis: &types.KinesisAction{
			RoleArn:      aws.String("r"),
			StreamName:   aws.String("gh"),
			PartitionKey: aws.String("${topic(2)}"),
		},
	})
	d.rule(t, "archive", "SELECT * FROM 'gh/+/telemetry'", types.Action{
		S3: &types.S3Action{
			RoleArn:    aws.String("r"),
			BucketName: aws.String("gh-archive"),
			Key:        aws.String("raw/${topic(2)}/${timestamp()}-${newuuid()}.json"),
		},
	})
	d.rule(
		t,
		"alerts",
		"SELECT encode(*, 'base64') AS payload, topic() AS topic, topic(2) AS thing, clientid() AS client_id, "+
			"timestamp() AS received_at, traceid() AS trace_id FROM 'gh/+/telemetry' WHERE data.temperature > 50",
		types.Action{
			Lambda: &types.LambdaAction{
				FunctionArn: aws.String("arn:aws:lambda:us-east-1:" + account + ":function:gh-alerts"),
			},
		},
	)
	d.fleet(t, devices)
}

func (d *deployed) functions(t *testing.T) {
	t.Helper()
	ctx, c := t.Context(), d.aws
	role := must(c.IAM().CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 aws.String("r"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[]}`),
	}))(t).Role.Arn
	for name, env := range map[string]map[string]string{
		"processor": {"IOT_TIMESTREAM_DATABASE": "gh", "IOT_TIMESTREAM_TABLE": "readings",
			"IOT_TIMESTREAM_LAYOUT": "multi"},
		"alerts": {"IOT_ALERT_TOPIC_ARN": d.topic, "IOT_DATA_ENDPOINT": "a1b2-ats.iot.us-east-1.amazonaws.com"},
	} {
		env["IOT_PIPELINE"], env["IOT_TOPIC_PREFIX"], env["IOT_DEVICE_TABLE"], env["IOT_DEAD_LETTER_QUEUE_URL"] = "gh",
			"gh", "gh", d.queue
		must(
			c.Lambda().CreateFunction(ctx, &lambda.CreateFunctionInput{
				FunctionName: aws.String("gh-" + name),
				Role:         role,
				Runtime:      lambdatypes.RuntimeProvidedal2023,
				Handler:      aws.String(name),
				Code: &lambdatypes.FunctionCode{
					ZipFile: emptyArchive(t),
				},
				Timeout:     aws.Int32(30),
				MemorySize:  aws.Int32(256),
				Environment: &lambdatypes.Environment{Variables: env},
			}),
		)(t)
	}
	must(
		c.Lambda().CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
			FunctionName:               aws.String("gh-processor"),
			EventSourceArn:             aws.String("arn:aws:kinesis:us-east-1:" + account + ":stream/gh"),
			BatchSize:                  aws.Int32(200),
			StartingPosition:           lambdatypes.EventSourcePositionTrimHorizon,
			BisectBatchOnFunctionError: aws.Bool(true),
			MaximumRetryAttempts:       aws.Int32(20),
			FunctionResponseTypes:      []lambdatypes.FunctionResponseType{"ReportBatchItemFailures"},
		}),
	)(t)
	document := `{"version":1,"rules":{"hot":{"when":"data.temperature > 50","severity":"critical","message":"Too hot: ${data.temperature} on ${thing}","command":"{\"action\":\"enter_safe_mode\"}","cooldown_seconds":300}}}`
	must(
		c.DynamoDB().PutItem(
			ctx,
			&dynamodb.PutItemInput{TableName: aws.String("gh"), Item: map[string]ddbtypes.AttributeValue{
				"device_id": &ddbtypes.AttributeValueMemberS{
					Value: "$rules",
				}, "document": &ddbtypes.AttributeValueMemberS{Value: document}}},
		),
	)(t)
}

// emptyArchive is a function's code, in whose place runs a bootstrap.
func emptyArchive(t *testing.T) []byte {
	t.Helper()
	var code bytes.Buffer
	archive := zip.NewWriter(&code)
	must(archive.Create("bootstrap"))(t)
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return code.Bytes()
}

func (d *deployed) rule(t *testing.T, key, sql string, actions ...types.Action) {
	t.Helper()
	payload := &types.TopicRulePayload{Sql: &sql, AwsIotSqlVersion: aws.String("2016-03-23"), Actions: actions,
		ErrorAction: &types.Action{Sqs: &types.SqsAction{QueueUrl: &d.queue, RoleArn: aws.String("r")}}}
	_, err := d.aws.IoT().CreateTopicRule(t.Context(),
		&iot.CreateTopicRuleInput{RuleName: aws.String("gh_" + key), TopicRulePayload: payload})
	if errors.As(err, new(*types.ResourceAlreadyExistsException)) {
		_, err = d.aws.IoT().ReplaceTopicRule(t.Context(),
			&iot.ReplaceTopicRuleInput{RuleName: aws.String("gh_" + key), TopicRulePayload: payload})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// fleet makes the devices, their certificates and the policy on their group.
func (d *deployed) fleet(t *testing.T, devices int) {
	t.Helper()
	ctx, c := t.Context(), d.aws
	const arn = "arn:aws:iot:us-east-1:" + account + ":"
	const thing = "${iot:Connection.Thing.ThingName}"
	policy := `{"Version":"2012-10-17","Statement":[
	 {"Effect":"Allow","Action":"iot:Connect","Resource":"` + arn + `client/` + thing + `","Condition":{"Bool":{"iot:Connection.Thing.IsAttached":["true"]}}},
	 {"Effect":"Allow","Action":"iot:Publish","Resource":["` + arn + `topic/gh/` + thing + `/telemetry","` + arn + `topic/gh/` + thing + `/status","` + arn + `topic/$aws/things/` + thing + `/shadow/*"]},
	 {"Effect":"Allow","Action":"iot:Subscribe","Resource":["` + arn + `topicfilter/gh/` + thing + `/commands","` + arn + `topicfilter/$aws/things/` + thing + `/shadow/*"]},
	 {"Effect":"Allow","Action":"iot:Receive","Resource":["` + arn + `topic/gh/` + thing + `/commands","` + arn + `topic/$aws/things/` + thing + `/shadow/*"]}]}`
	must(c.IoT().CreatePolicy(ctx, &iot.CreatePolicyInput{PolicyName: aws.String("gh"), PolicyDocument: &policy}))(t)
	group := must(c.IoT().CreateThingGroup(ctx, &iot.CreateThingGroupInput{ThingGroupName: aws.String("gh")}))(t)
	must(c.IoT().AttachPolicy(ctx, &iot.AttachPolicyInput{PolicyName: aws.String("gh"),
		Target: group.ThingGroupArn}))(t)
	for i := range devices {
		name := deviceName(i)
		must(c.IoT().CreateThing(ctx, &iot.CreateThingInput{ThingName: &name}))(t)
		must(c.IoT().AddThingToThingGroup(ctx,
			&iot.AddThingToThingGroupInput{ThingName: &name, ThingGroupName: aws.String("gh")}))(t)
		keys := must(c.IoT().CreateKeysAndCertificate(ctx, &iot.CreateKeysAndCertificateInput{SetAsActive: true}))(t)
		must(c.IoT().AttachThingPrincipal(ctx,
			&iot.AttachThingPrincipalInput{ThingName: &name, Principal: keys.CertificateArn}))(t)
		bundle := must(
			json.Marshal(map[string]any{
				"thing":           name,
				"certificate_pem": keys.CertificatePem,
				"private_key":     keys.KeyPair.PrivateKey,
				"certificate_id":  keys.CertificateId,
				"endpoint":        "a1b2-ats.iot.us-east-1.amazonaws.com",
				"topics": map[string]string{
					"telemetry": "gh/" + name + "/telemetry",
					"status":    "gh/" + name + "/status",
					"commands":  "gh/" + name + "/commands",
				},
			}),
		)(t)
		must(
			c.SSM().PutParameter(ctx, &ssm.PutParameterInput{
				Name:  aws.String("/iot-pipeline/gh/devices/" + name),
				Type:  "SecureString",
				Value: aws.String(string(bundle)),
			}),
		)(t)
	}
}

func deviceName(i int) string { return fmt.Sprintf("soil-%03d", i+1) }

// log keeps the events of a runtime.
type log struct {
	mu     sync.Mutex
	events []runlog.Event
	added  chan struct{} // of size 1
}

func (l *log) sink(e runlog.Event) {
	l.mu.Lock()
	l.events = append(l.events, e)
	l.mu.Unlock()
	select {
	case l.added <- struct{}{}:
	default:
	}
}

// await returns the first event, past or coming, that the test accepts.
func (l *log) await(t *testing.T, accept func(runlog.Event) bool) runlog.Event {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for at := 0; ; {
		l.mu.Lock()
		for ; at < len(l.events); at++ {
			if accept(l.events[at]) {
				defer l.mu.Unlock()
				return l.events[at]
			}
		}
		l.mu.Unlock()
		select {
		case <-l.added:
		case <-timeout:
			t.Fatalf("no such event among %+v", l.events)
		}
	}
}

// run starts the runtime for the pipeline.
func (d *deployed) run(t *testing.T) (*Runtime, *log) {
	t.Helper()
	return d.runOn(t, d.server.Config(t))
}

func (d *deployed) runOn(t *testing.T, config aws.Config, change ...func(*Options)) (*Runtime, *log) {
	t.Helper()
	l := &log{added: make(chan struct{}, 1)}
	o := Options{
		Config:     config,
		Pipeline:   "gh",
		MQTTAddr:   "127.0.0.1:0",
		StateDir:   t.TempDir(),
		Bootstraps: bootstraps,
		Events:     l.sink,
		Refresh:    50 * time.Millisecond,
		RetryDelay: 10 * time.Millisecond,
	}
	for _, f := range change {
		f(&o)
	}
	r, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := r.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return r, l
}

func drain(t *testing.T, r *Runtime) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	if err := r.Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

// connect connects a device with the bundle that the pipeline stored, under the client ID.
func (d *deployed) connect(t *testing.T, r *Runtime, thing, clientID string) (paho.Client, error) {
	t.Helper()
	value := must(
		d.aws.SSM().GetParameter(t.Context(), &ssm.GetParameterInput{
			Name:           aws.String("/iot-pipeline/gh/devices/" + thing),
			WithDecryption: aws.Bool(true),
		}),
	)(t).Parameter.Value
	var bundle struct {
		Certificate string `json:"certificate_pem"`
		Key         string `json:"private_key"`
	}
	if err := json.Unmarshal([]byte(*value), &bundle); err != nil {
		t.Fatal(err)
	}
	return connectWith(t, r, must(tls.X509KeyPair([]byte(bundle.Certificate), []byte(bundle.Key)))(t), clientID)
}

func connectWith(t *testing.T, r *Runtime, pair tls.Certificate, clientID string) (paho.Client, error) {
	t.Helper()
	o := paho.NewClientOptions().
		AddBroker("ssl://" + r.MQTTAddr()).
		SetClientID(clientID).
		SetAutoReconnect(false).
		SetProtocolVersion(4).
		SetTLSConfig(&tls.Config{RootCAs: r.Authority().Pool(), Certificates: []tls.Certificate{pair}})
	c := paho.NewClient(o)
	token := c.Connect()
	if !token.WaitTimeout(20 * time.Second) {
		t.Fatal("no answer to CONNECT")
	}
	t.Cleanup(func() { c.Disconnect(0) })
	return c, token.Error()
}

func publish(t *testing.T, c paho.Client, topic, payload string) {
	t.Helper()
	token := c.Publish(topic, 1, false, payload)
	if !token.WaitTimeout(20 * time.Second) {
		t.Fatal("no PUBACK")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}
