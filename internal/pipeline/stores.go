package pipeline

import (
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

const (
	// deadLetterPrefix is where batches and large messages that could not be handled are kept in the bucket.
	deadLetterPrefix = "dead-letter/"
	// failedBatches is where Lambda keeps batches whose retries are used up; AWS leaves no choice [AWS 5 On-failure record].
	failedBatches = "aws/lambda/"
	// timestreamRejects is where Timestream reports late records that it could not store. It lies below the
	// dead letters, whose expiry it shares.
	timestreamRejects = deadLetterPrefix + "timestream/"
	// deadLetterDays is how long dead letters are kept: the queue's longest retention [SQS MessageRetentionPeriod],
	// and the same again in the bucket.
	deadLetterDays       = 14
	deadLetterObjectDays = 2 * deadLetterDays
	// noncurrentDays is how long an overwritten or deleted object can be brought back.
	noncurrentDays = 30
	// abortUploadDays is when the pieces of an upload that never finished are removed.
	abortUploadDays = 7

	day = 24 * 60 * 60 // seconds

	// managedTopicKey is the key that AWS manages for SNS; topics are not encrypted without one.
	managedTopicKey = "alias/aws/sns"
)

// storeParts are where telemetry, state, archive and dead letters live.
func (b *builder) storeParts() []assembly.Part {
	name, tags := b.names.pipeline, b.env.Tags
	parts := []assembly.Part{
		b.part("stream", object.KindStream, name, b.arn.stream(name), nil, b.stream()),
		b.part("device_table", object.KindTable, name, b.arn.table(name), nil, object.Table{
			HashKey:             "device_id",
			Indexes:             []object.TableIndex{{Name: "by-status", HashKey: "status", RangeKey: "last_seen"}},
			TTLAttribute:        "expires_at",
			PointInTimeRecovery: *b.spec.DeviceState.PointInTimeRecovery,
			Tags:                tags,
		}),
		b.part("bucket", object.KindBucket, b.names.bucket(), b.arn.bucket(b.names.bucket()), nil, b.bucket()),
		b.part("dead_letters", object.KindQueue, b.names.deadLetters(), b.arn.queue(b.names.deadLetters()), nil, b.deadLetters()),
	}
	if b.hasTimestream() {
		parts = append(parts, b.timestreamParts()...)
	}
	return parts
}

func (b *builder) stream() object.Stream {
	s := b.spec.Stream
	want := object.Stream{OnDemand: *s.Mode == "on_demand", RetentionHours: int32(*s.RetentionHours),
		KMSKeyID: b.arn.key(deref(s.KMSKeyID)), Tags: b.env.Tags}
	if !want.OnDemand {
		want.Shards = int32(*or(s.Shards, 1))
	}
	return want
}

func (b *builder) timestreamParts() []assembly.Part {
	t := b.spec.Timestream
	database, table := *t.Database, *t.Table
	return []assembly.Part{
		b.part("timestream/database", object.KindTimestreamDatabase, database, b.arn.database(database), nil,
			object.TimestreamDatabase{KMSKeyID: b.arn.key(deref(t.KMSKeyID)), Tags: b.env.Tags}),
		b.part("timestream/table", object.KindTimestreamTable, object.NameIn(database, table), b.timestreamARN(),
			[]string{"bucket", "timestream/database"},
			object.TimestreamTable{
				Database:              database,
				MemoryRetentionHours:  *t.MemoryRetentionHours,
				MagneticRetentionDays: *t.MagneticRetentionDays,
				MagneticWrites:        true,
				RejectedBucket:        b.names.bucket(),
				RejectedPrefix:        timestreamRejects,
				Tags:                  b.env.Tags,
			}),
	}
}

func (b *builder) bucket() object.Bucket {
	arn := b.arn.bucket(b.names.bucket())
	return object.Bucket{
		KMSKeyID:     b.arn.key(deref(b.spec.Archive.KMSKeyID)),
		Policy:       policy(denyPlain("s3:*", arn, arn+"/*")),
		Lifecycle:    b.lifecycle(),
		ForceDestroy: *b.spec.ForceDestroy,
		Tags:         b.env.Tags,
	}
}

// lifecycle keeps house in the bucket. A delete marker's removal and an expiry
// in days may not stand in one rule, so the first rule has no expiry.
func (b *builder) lifecycle() []object.LifecycleRule {
	rules := []object.LifecycleRule{
		{ID: "housekeeping", NoncurrentExpireDays: noncurrentDays, AbortMultipartUploadDays: abortUploadDays, ExpiredObjectDeleteMarkers: true},
		{ID: "dead-letter", Prefix: deadLetterPrefix, ExpireDays: deadLetterObjectDays},
		{ID: "failed-batches", Prefix: failedBatches, ExpireDays: deadLetterObjectDays},
	}
	a := b.spec.Archive
	if a.ExpireAfterDays == nil && a.IntelligentTieringAfterDays == nil {
		return rules
	}
	archive := object.LifecycleRule{ID: "archive", Prefix: *a.Prefix, ExpireDays: int32(deref(a.ExpireAfterDays))}
	if a.IntelligentTieringAfterDays != nil {
		days := int32(*a.IntelligentTieringAfterDays)
		archive.IntelligentTieringDays = &days
	}
	return append(rules, archive)
}

func (b *builder) deadLetters() object.Queue {
	return object.Queue{
		RetentionSeconds:         deadLetterDays * day,
		VisibilityTimeoutSeconds: 30,
		Policy:                   policy(denyPlain("sqs:*", b.arn.queue(b.names.deadLetters()))),
		Tags:                     b.env.Tags,
	}
}

// alertStoreParts are the alert topic with its subscriptions, and the rules as
// the alerts function reads them.
func (b *builder) alertStoreParts() []assembly.Part {
	if !b.hasAlertTopic() {
		return nil
	}
	name := b.names.alertTopic()
	parts := []assembly.Part{b.part("alert_topic", object.KindTopic, name, b.arn.topic(name), nil, object.Topic{
		DisplayName: b.spec.Name,
		KMSKeyID:    either(b.arn.key(deref(b.spec.Alerts.KMSKeyID)), managedTopicKey),
		Policy:      b.alertTopicPolicy(),
		Tags:        b.env.Tags,
	})}
	parts = append(parts, b.subscriptions()...)
	if b.hasAlertRules() {
		table := b.names.pipeline
		parts = append(parts, b.part("alert_rules", object.KindTableItem, object.NameIn(table, rulesItem), "", []string{"device_table"},
			object.TableItem{Table: table, HashKey: "device_id", Key: rulesItem, Document: b.rulesDocument()}))
	}
	return parts
}

// alertTopicPolicy leaves it to this account's IAM who may publish, and names
// the one role that does: an ARN in the principal would have to exist first, and
// would be replaced by an ID when the role is made anew.
func (b *builder) alertTopicPolicy() string {
	topic := b.arn.topic(b.names.alertTopic())
	publish := statement{Sid: "AlertsFunction", Effect: "Allow", Principal: principal{AWS: b.arn.root()},
		Action: []string{"sns:Publish"}, Resource: []string{topic},
		Condition: conditions{"ArnEquals": {"aws:PrincipalArn": {b.arn.role(b.names.role("alerts"))}}}}
	return policy(publish, denyPlain("sns:Publish", topic))
}

// subscriptions have keys that depend on who is told and not on the place in
// the list, so that removing one leaves the others alone.
func (b *builder) subscriptions() []assembly.Part {
	list := make([]SubscriptionSpec, 0, len(b.spec.Alerts.Emails)+len(b.spec.Alerts.Subscriptions))
	for _, address := range b.spec.Alerts.Emails {
		list = append(list, SubscriptionSpec{Protocol: "email", Endpoint: address})
	}
	list = append(list, b.spec.Alerts.Subscriptions...)
	topic := b.arn.topic(b.names.alertTopic())
	parts := make([]assembly.Part, 0, len(list))
	for _, s := range list {
		parts = append(parts, b.part(subscriptionKey(s), object.KindSubscription, object.NameIn(topic, s.Protocol, s.Endpoint), "",
			[]string{"alert_topic"},
			object.Subscription{TopicARN: topic, Protocol: s.Protocol, Endpoint: s.Endpoint, FilterPolicy: filterPolicy(s.Severities)}))
	}
	return parts
}

func subscriptionKey(s SubscriptionSpec) string {
	return "subscription/" + s.Protocol + "-" + shortHash(s.Endpoint)
}

// filterPolicy selects alerts by the message attribute that the alerts function sets.
func filterPolicy(severities []string) string {
	if len(severities) == 0 {
		return ""
	}
	return encode(map[string][]string{"severity": sorted(slices.Clone(severities))})
}
