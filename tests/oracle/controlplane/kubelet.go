package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
)

// finishes is the annotation that makes a pod end: its value is the phase, Succeeded or Failed.
const finishes = "dra-migrate.test/finishes"

// heartbeat is a kubelet's own: ten seconds; the node's controller gives up after fifty.
const heartbeat = 10 * time.Second

// kubelets does for every node what tests need of a kubelet: bound pods run, deleted pods go, and
// nodes stay alive. As a real one it lets no pod run before its claims are allocated and reserved.
type kubelets struct {
	client kubernetes.Interface
	pods   cache.Indexer
	nodes  cache.Store
	queue  workqueue.TypedRateLimitingInterface[string]
}

// standInForKubelets works until ctx ends; it returns once it knows all pods and nodes.
func standInForKubelets(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	pods, nodes := factory.Core().V1().Pods().Informer(), factory.Core().V1().Nodes().Informer()
	backoff := workqueue.NewTypedItemExponentialFailureRateLimiter[string](50*time.Millisecond, time.Second)
	k := &kubelets{client, pods.GetIndexer(), nodes.GetStore(), workqueue.NewTypedRateLimitingQueue(backoff)}
	enqueue := func(object any) {
		if pod, ok := object.(*core.Pod); ok && pod.Spec.NodeName != "" {
			k.queue.Add(pod.Namespace + "/" + pod.Name)
		}
	}
	if _, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    enqueue,
		UpdateFunc: func(_, now any) { enqueue(now) },
	}); err != nil {
		return err
	}
	if _, err := nodes.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { k.beat(ctx, object.(*core.Node)) },
	}); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	for informer, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("the stand-in for the kubelet never saw %v", informer)
		}
	}
	go wait.UntilWithContext(ctx, k.beatAll, heartbeat)
	for range 8 {
		go k.work(ctx)
	}
	context.AfterFunc(ctx, k.queue.ShutDown)
	return nil
}

func (k *kubelets) work(ctx context.Context) {
	for {
		key, stopped := k.queue.Get()
		if stopped {
			return
		}
		if err := k.sync(ctx, key); err != nil {
			k.queue.AddRateLimited(key)
		} else {
			k.queue.Forget(key)
		}
		k.queue.Done(key)
	}
}

// sync brings one pod a step further; an error means that it is to be looked at again.
func (k *kubelets) sync(ctx context.Context, key string) error {
	object, exists, err := k.pods.GetByKey(key)
	if err != nil || !exists {
		return err
	}
	pod := object.(*core.Pod)
	if _, exists, _ := k.nodes.GetByKey(pod.Spec.NodeName); !exists {
		return nil
	}
	if pod.DeletionTimestamp != nil {
		return k.remove(ctx, pod)
	}
	phase := core.PodRunning
	if asked := core.PodPhase(pod.Annotations[finishes]); asked != "" {
		phase = asked
	}
	if pod.Status.Phase == phase || pod.Status.Phase == core.PodSucceeded || pod.Status.Phase == core.PodFailed {
		return nil
	}
	if err := k.hasItsClaims(ctx, pod); err != nil {
		return err
	}
	running := pod.DeepCopy()
	setStatus(running, phase)
	_, err = k.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, running, metav1.UpdateOptions{})
	return ignoreGone(err)
}

// remove ends a deleted pod; one that ran is first seen to have ended, which the Job controller counts.
func (k *kubelets) remove(ctx context.Context, pod *core.Pod) error {
	if pod.Status.Phase == core.PodRunning {
		ended := pod.DeepCopy()
		setStatus(ended, core.PodFailed)
		_, err := k.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, ended, metav1.UpdateOptions{})
		return ignoreGone(err)
	}
	options := metav1.DeleteOptions{GracePeriodSeconds: new(int64), Preconditions: &metav1.Preconditions{UID: &pod.UID}}
	return ignoreGone(k.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, options))
}

// hasItsClaims returns why the pod may not run yet.
func (k *kubelets) hasItsClaims(ctx context.Context, pod *core.Pod) error {
	var names []string
	for i := range pod.Spec.ResourceClaims {
		name, _, err := resourceclaim.Name(pod, &pod.Spec.ResourceClaims[i])
		if err != nil {
			return err
		}
		if name != nil {
			names = append(names, *name)
		}
	}
	if bridge := pod.Status.ExtendedResourceClaimStatus; bridge != nil {
		names = append(names, bridge.ResourceClaimName)
	}
	for _, name := range names {
		claim, err := k.client.ResourceV1().ResourceClaims(pod.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if claim.Status.Allocation == nil || !resourceclaim.IsReservedForPod(pod, claim, false) {
			return errors.New("a claim is not allocated and reserved")
		}
	}
	return nil
}

// setStatus writes what a kubelet would report of a pod in this phase.
func setStatus(pod *core.Pod, phase core.PodPhase) {
	now := metav1.Now()
	pod.Status.Phase = phase
	pod.Status.StartTime = &now
	pod.Status.HostIP, pod.Status.HostIPs = "192.0.2.1", []core.HostIP{{IP: "192.0.2.1"}}
	is := core.ConditionFalse
	if phase == core.PodRunning {
		is = core.ConditionTrue
	}
	for kind, status := range map[core.PodConditionType]core.ConditionStatus{
		core.PodInitialized: core.ConditionTrue, core.ContainersReady: is, core.PodReady: is,
	} {
		setCondition(pod, core.PodCondition{Type: kind, Status: status, LastTransitionTime: now, ObservedGeneration: pod.Generation})
	}
	pod.Status.ContainerStatuses = nil
	for _, container := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, containerStatus(container, phase, now))
	}
	pod.Status.InitContainerStatuses = nil
	for _, container := range pod.Spec.InitContainers {
		ended := core.PodSucceeded
		if container.RestartPolicy != nil && *container.RestartPolicy == core.ContainerRestartPolicyAlways {
			ended = phase
		}
		pod.Status.InitContainerStatuses = append(pod.Status.InitContainerStatuses, containerStatus(container, ended, now))
	}
}

func setCondition(pod *core.Pod, condition core.PodCondition) {
	at := slices.IndexFunc(pod.Status.Conditions, func(c core.PodCondition) bool { return c.Type == condition.Type })
	if at < 0 {
		pod.Status.Conditions = append(pod.Status.Conditions, condition)
		return
	}
	pod.Status.Conditions[at] = condition
}

func containerStatus(container core.Container, phase core.PodPhase, now metav1.Time) core.ContainerStatus {
	runs := phase == core.PodRunning
	status := core.ContainerStatus{
		Name: container.Name, Image: container.Image, ImageID: container.Image,
		ContainerID: "oracle://" + container.Name, Ready: runs, Started: &runs,
	}
	switch phase {
	case core.PodRunning:
		status.State.Running = &core.ContainerStateRunning{StartedAt: now}
	case core.PodSucceeded:
		status.Ready = true
		status.State.Terminated = &core.ContainerStateTerminated{Reason: "Completed", FinishedAt: now}
	default:
		status.State.Terminated = &core.ContainerStateTerminated{Reason: "Error", ExitCode: 1, FinishedAt: now}
	}
	return status
}

func (k *kubelets) beatAll(ctx context.Context) {
	for _, object := range k.nodes.List() {
		k.beat(ctx, object.(*core.Node))
	}
}

// beat renews a node's lease; without it the node's controller taints the node and evicts its pods.
// What fails is tried again at the next beat.
func (k *kubelets) beat(ctx context.Context, node *core.Node) {
	now, leases := metav1.NewMicroTime(time.Now()), k.client.CoordinationV1().Leases(core.NamespaceNodeLease)
	lease, err := leases.Get(ctx, node.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		lease = &coordination.Lease{ObjectMeta: metav1.ObjectMeta{
			Name:            node.Name,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}},
		}}
		lease.Spec.HolderIdentity, lease.Spec.RenewTime = &node.Name, &now
		_, _ = leases.Create(ctx, lease, metav1.CreateOptions{})
		return
	}
	if err == nil {
		lease.Spec.RenewTime = &now
		_, _ = leases.Update(ctx, lease, metav1.UpdateOptions{})
	}
}

func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
