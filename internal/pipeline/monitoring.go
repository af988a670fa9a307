package pipeline

import (
	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// SilenceMinutes limits silence_minutes: a device that sends nothing for longer is silent.
var SilenceMinutes = Limit{Min: 1, Max: 1440, Default: value(10), Source: "this provider"}

// DeviceSilenceMinutes limits the silence_minutes of a device: up to a week.
var DeviceSilenceMinutes = Limit{Min: 1, Max: 10_080, Source: "this provider"}

// The watch function looks once a minute, and marks some thousand devices in a few seconds.
const (
	watchMemoryMB       = 256
	watchTimeoutSeconds = 50 // below a minute, so that a run seldom meets the next one
	watchExpression     = "rate(1 minute)"
	// watchInput tells the function for which minute it runs. EventBridge Scheduler replaces the placeholder.
	watchInput = `{"scheduled_time":"<aws.scheduler.scheduled-time>"}`
	// A run that is late is of no use: the next one does its work. 60 s is the least that EventBridge Scheduler allows.
	watchMaxAgeSeconds = 60
	watchMaxRetries    = 1
)

// MonitoringSpec says when people hear of silent devices.
type MonitoringSpec struct {
	SilenceMinutes *int64 `json:"silence_minutes,omitzero"`
	NotifyReturn   *bool  `json:"notify_return,omitzero"`
	// Presence keeps whether devices are connected; true unless it is written.
	Presence *bool `json:"presence,omitzero"`
	// Alarms are on unless they are switched off.
	Alarms *AlarmsSpec `json:"alarms,omitzero"`
	// Dashboard is whether there is one of CloudWatch.
	Dashboard *bool `json:"dashboard,omitzero"`
}

// monitoring tells people of devices that fall silent: a schedule calls the function watch every minute.
func monitoring() capability {
	return capability{
		shapes: []shape{{
			arguments: []string{"monitoring", "monitoring.presence", "monitoring.dashboard", "monitoring.alarms",
				"monitoring.alarms.enabled", "monitoring.alarms.*", "monitoring.alarms.*.enabled"}, parts: true,
			outputs: []string{"alert_topic_arn", "function_arns", "rule_arns"},
		}},
		defaults: func(s *Spec) {
			if s.Monitoring != nil {
				m := *s.Monitoring
				m.SilenceMinutes = SilenceMinutes.Or(m.SilenceMinutes)
				m.NotifyReturn = or(m.NotifyReturn, true)
				m.Presence = or(m.Presence, true)
				m.Dashboard = or(m.Dashboard, true)
				s.Monitoring = &m
			}
		},
		check: func(c *checker, s Spec) { c.checkMonitoring(s) },
		parts: func(b *builder) []assembly.Part {
			if !b.hasMonitoring() {
				return nil
			}
			parts := append([]assembly.Part{b.silence(), b.scheduleGroup(), b.scheduleRole(), b.watchSchedule()},
				b.alarmParts()...)
			if b.hasDashboard() {
				parts = append(parts, b.dashboardPart())
			}
			return parts
		},
		rules: (*builder).presenceRules,
		function: &function{
			name: "watch", exists: (*builder).hasMonitoring, configure: (*builder).watchFunction,
			keys:  func(b *builder) []statement { return b.encryptWith(b.alertKey()) },
			parts: []string{"alert_topic", "device_table", "silence"},
		},
	}
}

func (b *builder) hasMonitoring() bool { return b.config.Monitoring != nil }

func (b *builder) watchFunction() spec.Function {
	e := map[string]string{contract.EnvAlertTopicARN: b.arn.topic(b.names.alertTopic())}
	if !*b.config.Monitoring.NotifyReturn {
		e[contract.EnvNotifyReturn] = "false"
	}
	return spec.Function{
		Description:    "Looks for silent devices of pipeline " + b.config.Name,
		MemoryMB:       watchMemoryMB,
		TimeoutSeconds: watchTimeoutSeconds,
		Environment:    e,
		// Lambda need not repeat a run that failed: the next minute's run does its work.
		Async: &spec.AsyncConfig{MaxRetries: 0, MaxAgeSeconds: watchMaxAgeSeconds},
	}
}

// silence is the table item that the watch function reads its limits from.
func (b *builder) silence() assembly.Part {
	table := b.names.pipeline
	return b.part("silence", spec.KindTableItem, spec.NameIn(table, contract.SilenceItem), "",
		[]string{"device_table"},
		spec.TableItem{Table: table, HashKey: contract.DeviceKey, Key: contract.SilenceItem,
			Document: b.silenceDocument()})
}

// scheduleGroup holds the pipeline's schedules, which carry no tags of their own.
func (b *builder) scheduleGroup() assembly.Part {
	name := b.names.scheduleGroup()
	return b.part("schedules", spec.KindScheduleGroup, name, b.arn.scheduleGroup(name), nil,
		spec.ScheduleGroup{Tags: b.env.Tags})
}

// scheduleRole lets EventBridge Scheduler call the function, and keep what it could not deliver. The source is the
// group: Scheduler does not name the schedule.
func (b *builder) scheduleRole() assembly.Part {
	return b.role("schedules", "Lets the schedules of pipeline "+b.config.Name+" call its functions",
		trust("scheduler.amazonaws.com", b.env.AccountID, b.arn.scheduleGroup(b.names.scheduleGroup())),
		[]statement{
			allow([]string{"lambda:InvokeFunction"}, b.arn.function(b.names.function("watch"))),
			allow([]string{"sqs:SendMessage"}, b.arn.queue(b.names.deadLetters())),
		})
}

func (b *builder) watchSchedule() assembly.Part {
	group := b.names.scheduleGroup()
	return b.part(contract.KeySchedulePrefix+"watch", spec.KindSchedule, spec.NameIn(group, "watch"),
		b.arn.schedule(group, "watch"), []string{"dead_letters", "function/watch", "role/schedules", "schedules"},
		spec.Schedule{
			Group: group, Description: "Looks for silent devices of pipeline " + b.config.Name,
			Expression: watchExpression, Input: watchInput,
			TargetARN: b.arn.function(b.names.function("watch")), RoleARN: b.arn.role(b.names.role("schedules")),
			MaxAgeSeconds: watchMaxAgeSeconds, MaxRetries: watchMaxRetries,
			DeadLetterARN: b.arn.queue(b.names.deadLetters()),
		})
}

func (c *checker) checkMonitoring(config Spec) {
	m := config.Monitoring
	if m == nil {
		return
	}
	c.number("monitoring.silence_minutes", m.SilenceMinutes, SilenceMinutes)
	if m.Alarms != nil {
		for _, a := range alarms {
			if s := a.setting(*m.Alarms); s != nil {
				c.number("monitoring.alarms."+a.Name+".threshold", s.Threshold, a.Threshold)
			}
		}
	}
	a := config.Alerts
	told := a != nil && (len(a.Emails) > 0 || len(a.Subscriptions) > 0)
	if !told && c.known("alerts") && c.known("alerts.emails") && c.known("alerts.subscriptions") {
		c.warn("monitoring", "Nobody hears of silent devices",
			"monitoring publishes to the alert topic, which has no subscription of this pipeline. Write the people's "+
				"addresses into alerts.emails, or subscribe to alert_topic_arn elsewhere.")
	}
}
