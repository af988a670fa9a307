package page

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
)

// Pipeline is what runs: the diagram's nodes and edges, and the rules.
type Pipeline struct {
	Name     string   `json:"name"`
	Prefix   string   `json:"prefix"` // of the topics
	MQTT     string   `json:"mqtt"`
	HTTP     string   `json:"http,omitempty"` // where the device management API is served
	HasAPI   bool     `json:"has_api"`
	Emulated bool     `json:"emulated"` // the account is an emulator's; otherwise calls and notices are not seen
	Began    int64    `json:"began"`
	Changes  int      `json:"changes"`
	Nodes    []Node   `json:"nodes"`
	Edges    []Flow   `json:"edges"`
	Rules    []Rule   `json:"rules"`
	Lines    []Line   `json:"lines"`
	Notices  []Notice `json:"notices"`
}

// Node is a node of the diagram.
type Node struct {
	ID     string `json:"id"`
	Label  string `json:"label"`
	Detail string `json:"detail,omitempty"`
}

// Rule is a topic rule.
type Rule struct {
	Name     string            `json:"name"`
	SQL      string            `json:"sql"`
	Version  string            `json:"version"`
	Disabled bool              `json:"disabled"`
	Actions  []json.RawMessage `json:"actions"`
	Error    json.RawMessage   `json:"error_action,omitempty"`
}

// pipeline describes what runs now.
func (s *Server) pipeline(r *http.Request) (any, error) {
	manifest, err := s.options.Runtime.Manifest(r.Context())
	if err != nil {
		return nil, err
	}
	deployed := s.options.Runtime.Deployed()
	f := s.options.Feed
	f.mu.Lock()
	p := Pipeline{
		Name: s.options.Pipeline, Prefix: manifest.TopicPrefix, MQTT: s.options.Runtime.MQTTAddr(),
		HTTP: s.options.Runtime.HTTPAddr(), HasAPI: manifest.HasAPI(), Emulated: s.options.Runtime.Emulated(),
		Began: f.began.UnixMilli(), Changes: f.changes,
		Lines: f.lines.since(0, keptLines), Notices: f.notices.since(0, keptNotices),
	}
	f.mu.Unlock()
	for _, rule := range deployed.Rules {
		p.Rules = append(p.Rules, ruleOf(rule))
	}
	d := newDiagram()
	d.describe(deployed)
	for _, flow := range f.flows() {
		d.edge(flow)
	}
	p.Nodes, p.Edges = d.nodes, d.edges
	return p, nil
}

func ruleOf(r iottypes.TopicRule) Rule {
	rule := Rule{Name: aws.ToString(r.RuleName), SQL: aws.ToString(r.Sql), Version: aws.ToString(r.AwsIotSqlVersion),
		Disabled: aws.ToBool(r.RuleDisabled), Actions: []json.RawMessage{}}
	for _, a := range r.Actions {
		rule.Actions = append(rule.Actions, actionJSON(a))
	}
	if r.ErrorAction != nil {
		rule.Error = actionJSON(*r.ErrorAction)
	}
	return rule
}

// actionJSON writes an action without the members that are not set.
func actionJSON(a iottypes.Action) json.RawMessage {
	text, err := json.Marshal(a)
	var members map[string]any
	if err != nil || json.Unmarshal(text, &members) != nil {
		return json.RawMessage("{}") // never: it is made of texts, numbers and lists
	}
	text, _ = json.Marshal(trim(members))
	return text
}

// trim removes nulls and empty texts.
func trim(v any) any {
	members, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for name, value := range members {
		if value == nil || value == "" {
			delete(members, name)
			continue
		}
		members[name] = trim(value)
	}
	return members
}

// diagram collects nodes and edges, each once.
type diagram struct {
	nodes []Node
	edges []Flow
	known map[string]bool
	at    map[edgeKey]int // of the edges
}

func newDiagram() *diagram { return &diagram{known: map[string]bool{}, at: map[edgeKey]int{}} }

func (d *diagram) node(id, detail string) {
	if d.known[id] {
		return
	}
	d.known[id] = true
	label := id
	if _, name, ok := strings.Cut(id, ":"); ok {
		label = name
	}
	d.nodes = append(d.nodes, Node{ID: id, Label: label, Detail: detail})
}

// edge adds an edge and its ends, or sets the counts of one that is there.
func (d *diagram) edge(f Flow) {
	d.node(f.From, "")
	d.node(f.To, "")
	key := edgeKey{f.From, f.To}
	if at, ok := d.at[key]; ok {
		d.edges[at] = f
		return
	}
	d.at[key] = len(d.edges)
	d.edges = append(d.edges, f)
}

// describe adds what is deployed.
func (d *diagram) describe(deployed local.Deployed) {
	d.node(nodeDevices, "")
	d.node(nodeBroker, "")
	d.edge(Flow{From: nodeDevices, To: nodeBroker})
	for _, r := range deployed.Rules {
		id := nodeRule + aws.ToString(r.RuleName)
		d.node(id, aws.ToString(r.Sql))
		d.edge(Flow{From: nodeBroker, To: id})
		for _, a := range append(slices.Clone(r.Actions), errorActions(r)...) {
			if to := actionNode(a); to != "" {
				d.edge(Flow{From: id, To: to})
			}
		}
	}
	for _, m := range deployed.Mappings {
		d.edge(Flow{From: nodeStream + afterSlash(m.StreamARN), To: nodeFunction + m.Function})
	}
	for _, c := range deployed.Deliveries {
		d.edge(Flow{From: nodeStream + afterSlash(c.SourceARN), To: nodeDelivery + c.Name})
		d.edge(Flow{From: nodeDelivery + c.Name, To: nodeStore + "s3:" + c.Bucket})
	}
	for _, name := range deployed.Functions {
		d.node(nodeFunction+name, "")
	}
}

func errorActions(r iottypes.TopicRule) []iottypes.Action {
	if r.ErrorAction == nil {
		return nil
	}
	return []iottypes.Action{*r.ErrorAction}
}

func afterSlash(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// actionNode is the node that an action works on; "" if that depends on the message.
func actionNode(a iottypes.Action) string {
	action, target := "", ""
	switch {
	case a.Kinesis != nil:
		action, target = "kinesis", aws.ToString(a.Kinesis.StreamName)
	case a.Lambda != nil:
		action, target = "lambda", functionOf(aws.ToString(a.Lambda.FunctionArn))
	case a.S3 != nil:
		action, target = "s3", aws.ToString(a.S3.BucketName)+"/"
	case a.Sqs != nil:
		action, target = "sqs", aws.ToString(a.Sqs.QueueUrl)
	case a.Sns != nil:
		action, target = "sns", aws.ToString(a.Sns.TargetArn)
	case a.DynamoDBv2 != nil && a.DynamoDBv2.PutItem != nil:
		action, target = "dynamodbv2", aws.ToString(a.DynamoDBv2.PutItem.TableName)
	case a.DynamoDB != nil:
		action, target = "dynamodb", aws.ToString(a.DynamoDB.TableName)
	case a.Firehose != nil:
		action, target = "firehose", aws.ToString(a.Firehose.DeliveryStreamName)
	case a.Republish != nil:
		action, target = "republish", "-"
	}
	if target == "" || strings.Contains(target, "${") {
		return ""
	}
	return targetNode(action, target)
}

// functionOf is the name in a function's ARN, without version or alias.
func functionOf(arn string) string {
	if _, rest, ok := strings.Cut(arn, ":function:"); ok {
		arn = rest
	}
	name, _, _ := strings.Cut(arn, ":")
	return name
}

// edge returns the last messages on an edge, the latest first.
func (s *Server) edge(r *http.Request) (any, error) {
	q := r.URL.Query()
	f := s.options.Feed
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.edges[edgeKey{q.Get("from"), q.Get("to")}]
	steps := []Step{}
	if e != nil {
		steps = e.steps.since(0, keptSteps)
	}
	slices.Reverse(steps)
	return map[string]any{"steps": steps}, nil
}
