package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/danielgtaylor/huma/v2"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// Alert is the newest alert of a rule for a device.
type Alert struct {
	Rule          string     `json:"rule"`
	Device        string     `json:"device"`
	Severity      string     `json:"severity,omitempty" doc:"Of the rule as it is now"`
	RaisedAt      time.Time  `json:"raised_at"`
	Active        *bool      `json:"active" doc:"null: the rule has no notify_resolved, so its end is not known"`
	CooldownUntil *time.Time `json:"cooldown_until,omitempty" doc:"Until then, no other alert of the rule is announced"`
	Suppressed    int64      `json:"suppressed" doc:"Alerts that were not announced since"`
}

// Alerts is a page of alerts.
type Alerts struct {
	Alerts []Alert `json:"alerts"`
	Cursor string  `json:"cursor,omitempty" doc:"Of the next page; absent on the last"`
}

type alertsInput struct {
	PageParameters
	Active string `query:"active" enum:"true,false" doc:"true: only those that hold now; false: only those that ended"`
}

type alertsOutput struct{ Body Alerts }

func (s *service) alertOperations(api huma.API) {
	register(api, operation("listAlerts", http.MethodGet, "/v1/alerts", "List alerts",
		"The newest alert per rule and device of the last 30 days, newest first. Alerts of rules with neither a "+
			"cooldown nor `notify_resolved` are not kept.", http.StatusBadRequest), s.listAlerts)
}

func (s *service) listAlerts(ctx context.Context, in *alertsInput) (*alertsOutput, error) {
	query := []string{"alerts", in.Active}
	after, err := s.place(query, in.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := s.rowsOf(ctx, []item{deviceKey(contract.RulesItem)}, false)
	if err != nil {
		return nil, s.failed(ctx, err, "reading the alert rules")
	}
	rules, err := readRules(found[contract.RulesItem])
	if err != nil {
		return nil, s.failed(ctx, err, "reading the alert rules")
	}
	list, next, err := s.alertsOf(ctx, in, rules.Rules, after)
	if err != nil {
		return nil, s.failed(ctx, err, "listing alerts")
	}
	return &alertsOutput{Alerts{Alerts: list, Cursor: s.cursor(query, next)}}, nil
}

// alertsOf reads a page of alerts, and where the next one begins.
func (s *service) alertsOf(ctx context.Context, in *alertsInput, rules map[string]contract.AlertRule, after string) (
	[]Alert, string, error) {
	list := []Alert{}
	key := alertPlace(after)
	for range maxReads {
		out, err := s.db.Query(ctx, &dynamodb.QueryInput{
			TableName: aws.String(s.devices), IndexName: aws.String(contract.StatusIndex),
			KeyConditionExpression:    aws.String("#status = :alert"),
			ExpressionAttributeNames:  map[string]string{"#status": contract.StatusAttribute},
			ExpressionAttributeValues: item{":alert": text(contract.StatusAlert)},
			ScanIndexForward:          aws.Bool(false), ExclusiveStartKey: key,
			Limit: aws.Int32(int32(in.Limit - len(list))),
		})
		if err != nil {
			return nil, "", err
		}
		rows, err := s.rowsOf(ctx, deviceKeys(out.Items), false)
		if err != nil {
			return nil, "", err
		}
		for _, found := range out.Items {
			a, ok := readAlert(rows[content(found[contract.DeviceKey])], rules)
			if ok && (in.Active == "" || a.Active != nil && strconv.FormatBool(*a.Active) == in.Active) {
				list = append(list, a)
			}
		}
		if key = out.LastEvaluatedKey; !more(key) || len(list) >= in.Limit {
			break
		}
	}
	if !more(key) {
		return list, "", nil
	}
	at := strconv.FormatInt(whole(key[contract.SlotAttribute]), 10)
	return list, at + " " + content(key[contract.DeviceKey]), nil
}

// deviceKeys are the keys in the device table of what an index found.
func deviceKeys(found []item) []item {
	keys := make([]item, len(found))
	for i, row := range found {
		keys[i] = item{contract.DeviceKey: row[contract.DeviceKey]}
	}
	return keys
}

// alertPlace is the key of a place in the list of alerts.
func alertPlace(after string) item {
	at, name, ok := strings.Cut(after, " ")
	if !ok {
		return nil
	}
	return item{contract.StatusAttribute: text(contract.StatusAlert), contract.DeviceKey: text(name),
		contract.SlotAttribute: &types.AttributeValueMemberN{Value: at}}
}

// readAlert reads an item of the alerts function.
func readAlert(row item, rules map[string]contract.AlertRule) (Alert, bool) {
	names, ok := strings.CutPrefix(content(row[contract.DeviceKey]), contract.CooldownPrefix)
	end := strings.LastIndex(names, "#") // a thing's name has none
	if !ok || end < 0 {
		return Alert{}, false
	}
	a := Alert{Rule: names[:end], Device: names[end+1:], CooldownUntil: moment(row["until"]),
		Suppressed: max(0, whole(row["suppressed"])),
		RaisedAt:   time.UnixMilli(whole(row[contract.LastSeenAttribute])).UTC()}
	rule, known := rules[a.Rule]
	a.Severity = rule.Severity
	if active, ok := row["active"].(*types.AttributeValueMemberBOOL); ok && known && rule.NotifyResolved {
		a.Active = &active.Value
	}
	return a, true
}
