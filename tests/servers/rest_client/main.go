// Confluent's Go SDK for version 3 of the REST Proxy API, over the one at the first argument, with a topic named by the second; what it
// gets, a line each.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/antihax/optional"
	rest "github.com/confluentinc/kafka-rest-sdk-go/kafkarestv3"
)

func say(what string, response *http.Response, err error, values ...interface{}) {
	status := 0
	if response != nil {
		status = response.StatusCode
	}
	if err != nil && status < 400 {
		fmt.Println(what, "failed:", err)
		os.Exit(1)
	}
	fmt.Println(append([]interface{}{what, status}, values...)...)
}

func main() {
	configuration := rest.NewConfiguration()
	configuration.BasePath = os.Args[1] + "/v3"
	client, name, ctx := rest.NewAPIClient(configuration), os.Args[2], context.Background()

	clusters, response, err := client.ClusterV3Api.ClustersGet(ctx)
	say("clusters", response, err, len(clusters.Data))
	id := clusters.Data[0].ClusterId
	cluster, response, err := client.ClusterV3Api.GetKafkaCluster(ctx, id)
	say("cluster", response, err, cluster.ClusterId == id)
	brokers, response, err := client.BrokerV3Api.ClustersClusterIdBrokersGet(ctx, id)
	say("brokers", response, err, len(brokers.Data))

	retention := "-1"
	create := rest.CreateTopicRequestData{
		TopicName: name, PartitionsCount: 2,
		Configs: []rest.CreateTopicRequestDataConfigs{{Name: "retention.ms", Value: &retention}},
	}
	options := rest.CreateKafkaTopicOpts{CreateTopicRequestData: optional.NewInterface(create)}
	topic, response, err := client.TopicV3Api.CreateKafkaTopic(ctx, id, &options)
	say("create", response, err, topic.PartitionsCount, topic.IsInternal)
	_, response, err = client.TopicV3Api.CreateKafkaTopic(ctx, id, &options)
	say("create again", response, err)
	topic, response, err = client.TopicV3Api.GetKafkaTopic(ctx, id, name)
	say("topic", response, err, topic.TopicName == name, topic.PartitionsCount)
	partitions, response, err := client.PartitionV3Api.ListKafkaPartitions(ctx, id, name)
	say("partitions", response, err, len(partitions.Data))

	size := "4096000"
	change := rest.AlterConfigBatchRequestData{
		Data: []rest.AlterConfigBatchRequestDataData{{Name: "segment.bytes", Value: &size}},
	}
	response, err = client.ConfigsV3Api.UpdateKafkaTopicConfigBatch(ctx, id, name,
		&rest.UpdateKafkaTopicConfigBatchOpts{AlterConfigBatchRequestData: optional.NewInterface(change)})
	say("change", response, err)
	config, response, err := client.ConfigsV3Api.GetKafkaTopicConfig(ctx, id, name, "segment.bytes")
	say("config", response, err, *config.Value, config.IsDefault)

	for number := int32(0); number < 4; number++ {
		partition, header, moment := number%2, "dg==", time.UnixMilli(1700000000000).UTC()
		var key, value interface{} = fmt.Sprint("k", number), map[string]interface{}{"n": number}
		record := rest.ProduceRequest{
			PartitionId: &partition, Timestamp: &moment, Headers: []rest.ProduceRequestHeader{{Name: "h", Value: &header}},
			Key: &rest.ProduceRequestData{Type: "STRING", Data: &key}, Value: &rest.ProduceRequestData{Type: "JSON", Data: &value},
		}
		written, response, err := client.RecordsV3Api.ClustersClusterIdTopicsTopicNameRecordsPost(ctx, id, name,
			&rest.ClustersClusterIdTopicsTopicNameRecordsPostOpts{ProduceRequest: optional.NewInterface(record)})
		say("record", response, err, written.PartitionId, written.Offset)
	}

	broker := brokers.Data[0].BrokerId
	replicas, response, err := client.ReplicaApi.ClustersClusterIdTopicsTopicNamePartitionsPartitionIdReplicasGet(ctx, id, name, 1)
	say("replicas", response, err, len(replicas.Data))
	replica, response, err := client.ReplicaApi.ClustersClusterIdTopicsTopicNamePartitionsPartitionIdReplicasBrokerIdGet(ctx, id, name, 1, replicas.Data[0].BrokerId)
	say("replica", response, err, replica.IsInSync)
	replicas, response, err = client.BrokerV3Api.ClustersClusterIdBrokersBrokerIdPartitionReplicasGet(ctx, id, broker)
	say("replicas of broker", response, err, len(replicas.Data) > 0)
	settings, response, err := client.ConfigsV3Api.ListKafkaAllTopicConfigs(ctx, id)
	say("settings", response, err, len(settings.Data) > 0)

	topics, response, err := client.TopicV3Api.ListKafkaTopics(ctx, id)
	found := false
	for _, one := range topics.Data {
		found = found || one.TopicName == name
	}
	say("topics", response, err, found)
	groups, response, err := client.ConsumerGroupV3Api.ListKafkaConsumerGroups(ctx, id)
	say("groups", response, err, len(groups.Data) >= 0)
	_, response, err = client.ConsumerGroupV3Api.GetKafkaConsumerGroup(ctx, id, name)
	say("no group", response, err)
	response, err = client.TopicV3Api.DeleteKafkaTopic(ctx, id, name)
	say("delete", response, err)
	_, response, err = client.TopicV3Api.GetKafkaTopic(ctx, id, name)
	say("gone", response, err)
}
