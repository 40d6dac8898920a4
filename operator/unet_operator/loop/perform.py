"""Does what was decided.  Every action is idempotent and touches only what is ours.

What is created once (Jobs, Secret, ConfigMap, claim, PodGroup) is met with 409 the second
time: it is ours if its controller is this training.  Service and NetworkPolicy outlive an
attempt, so they are brought up to date by server-side apply, once known to be ours.
"""

from __future__ import annotations

from unet_operator.api.json_object import JsonObject, metadata_of, name_of, section, text
from unet_operator.api.labels import LABEL_NAME
from unet_operator.api.manifest import Manifest
from unet_operator.api.schema import KIND
from unet_operator.build.config_map import config_map
from unet_operator.build.context import Context
from unet_operator.build.evaluation_job import evaluation_job
from unet_operator.build.launcher_job import launcher_job
from unet_operator.build.network_policy import network_policy
from unet_operator.build.output_claim import output_claim
from unet_operator.build.pod_group import pod_group
from unet_operator.build.report_job import report_job
from unet_operator.build.service import service
from unet_operator.build.ssh_secret import ssh_secret
from unet_operator.build.staging_job import staging_job
from unet_operator.build.workers_job import workers_job
from unet_operator.cluster.client import Cluster
from unet_operator.cluster.errors import ApiError
from unet_operator.cluster.kinds import (
    CLAIMS,
    CONFIG_MAPS,
    JOBS,
    NETWORK_POLICIES,
    POD_GROUPS,
    SECRETS,
    SERVICES,
    TRAININGS,
    Kind,
)
from unet_operator.lifecycle.actions import (
    Action,
    CreateEvaluate,
    CreateLauncher,
    CreateOutputClaim,
    CreateReport,
    CreateStage,
    CreateWorkers,
    DeleteJob,
    DeleteTraining,
    SuspendJob,
)
from unet_operator.observe.objects import Owner
from unet_operator.observe.parse import parse_owner
from unet_operator.observe.store import Store


class Refused(Exception):
    """The API server will not have an object, and trying again at once would not help."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason, self.message = reason, message
        super().__init__(f"{reason}: {message}")


class Performer:
    """Runs actions against the cluster and tells the store of what it made."""

    def __init__(self, cluster: Cluster, store: Store) -> None:
        self._cluster, self._store = cluster, store

    async def perform(self, context: Context, action: Action) -> None:
        """Runs one action.

        Raises:
            Refused: the action cannot succeed until somebody changes something.
            ApiError: it may succeed the next time.
        """
        match action:
            case CreateWorkers():
                await self._create_workers(context, action)
            case CreateLauncher(attempt):
                await self._create_job(context, launcher_job(context.of_the_attempt, attempt))
            case CreateStage():
                await self._create_job(context, staging_job(context))
            case CreateEvaluate(round_):
                await self._create_job(context, evaluation_job(context, round_))
            case CreateReport(round_):
                await self._create_job(context, report_job(context, round_))
            case CreateOutputClaim():
                await self._create_output_claim(context)
            case SuspendJob():
                await self._suspend(context, action)
            case DeleteJob(name, uid):
                await self._cluster.delete(JOBS, context.training.meta.namespace, name, uid)
            case DeleteTraining():
                meta = context.training.meta
                await self._cluster.delete(TRAININGS, meta.namespace, meta.name, meta.uid)

    async def _create_workers(self, context: Context, action: CreateWorkers) -> None:
        context, training = context.of_the_attempt, context.training
        attempt, replicas = action.attempt, action.replicas
        await self._create_or_update(context, SERVICES, service(training))
        await self._create_or_update(context, NETWORK_POLICIES, network_policy(training))
        # The Secret may not be read back; its name carries the training's uid instead.
        await self._create_once(context, SECRETS, ssh_secret(training, attempt), check=False)
        await self._create_once(context, CONFIG_MAPS, config_map(context, attempt, replicas))
        if action.gang:
            await self._create_once(context, POD_GROUPS, pod_group(training, attempt, replicas))
        await self._create_job(context, workers_job(context, attempt, replicas, gang=action.gang))

    async def _create_job(self, context: Context, body: Manifest) -> None:
        self._store.put(JOBS.plural, await self._create_once(context, JOBS, body))

    async def _create_once(
        self, context: Context, kind: Kind, body: Manifest, *, check: bool = True
    ) -> JsonObject:
        """Creates an object, or finds it there and ours."""
        created = await self._create(context, kind, body)
        if created is not None:
            return created
        return await self._existing(context, kind, body) if check else body

    async def _create_or_update(self, context: Context, kind: Kind, body: Manifest) -> None:
        """Creates an object, or brings it up to date if it is ours."""
        if await self._create(context, kind, body) is None:
            await self._existing(context, kind, body)
            await self._cluster.apply(kind, context.training.meta.namespace, body)

    async def _create(self, context: Context, kind: Kind, body: Manifest) -> JsonObject | None:
        """Creates an object; None when there is one of its name."""
        try:
            return await self._cluster.create(kind, context.training.meta.namespace, body)
        except ApiError as error:
            if error.status != 409 or "AlreadyExists" not in error.reason:
                raise _refused(error, kind, body) from error
        return None

    async def _existing(self, context: Context, kind: Kind, body: Manifest) -> JsonObject:
        """The object under that name, if this training controls it."""
        name = name_of(body)
        existing = await self._cluster.get(kind, context.training.meta.namespace, name)
        if existing is None:
            raise _vanished(kind, name)
        owner = parse_owner(existing)
        if owner is None or owner.uid != context.training.meta.uid:
            raise _not_ours(context, kind, body, owner)
        return existing

    async def _create_output_claim(self, context: Context) -> None:
        body = output_claim(context.training)
        if body is None:
            return
        namespace = context.training.meta.namespace
        try:
            await self._cluster.create(CLAIMS, namespace, body)
        except ApiError as error:
            if error.status != 409:
                raise _refused(error, CLAIMS, body) from error
            await self._check_made_for_this(context, name_of(body))

    async def _check_made_for_this(self, context: Context, name: str) -> None:
        """Checks that a claim was made for this training, which may have been kept from before."""
        existing = await self._cluster.get(CLAIMS, context.training.meta.namespace, name)
        if existing is None:
            raise _vanished(CLAIMS, name)
        labels = section(metadata_of(existing), "labels")
        if text(labels, LABEL_NAME) != context.name:
            raise Refused(
                "NameTaken",
                f"PersistentVolumeClaim {name} exists and was not made for this training; "
                "name it in spec.output.claimName, or delete it",
            )

    async def _suspend(self, context: Context, action: SuspendJob) -> None:
        namespace = context.training.meta.namespace
        body = {"metadata": {"uid": action.uid}, "spec": {"suspend": action.suspend}}
        try:
            job = await self._cluster.patch(JOBS, namespace, action.name, body)
        except ApiError as error:
            # Gone (404), another by now or finished (422), raced (409): looked at again.
            if error.status in (404, 409, 422):
                return
            raise
        self._store.put(JOBS.plural, job)


def _vanished(kind: Kind, name: str) -> ApiError:
    return ApiError(409, "Vanished", f"{kind.plural} {name} went away meanwhile")


def _not_ours(context: Context, kind: Kind, body: Manifest, owner: Owner | None) -> Exception:
    """Why an object that another controls, or nobody, is left alone."""
    name = name_of(body)
    if owner is not None and (owner.kind, owner.name) == (KIND, context.name):
        # The garbage collector is still busy with a training of the same name.
        return ApiError(409, "Leftover", f"{kind.plural} {name} of a deleted training")
    whose = f"belongs to {owner.kind} {owner.name}" if owner else "has no owner"
    return Refused(
        "NameTaken",
        f"{text(body, 'kind')} {name} exists and {whose}; delete or rename it, or give the "
        "UNetTraining another name",
    )


def _refused(error: ApiError, kind: Kind, body: Manifest) -> Exception:
    """A refusal in the user's words, or the error itself when it may pass by itself."""
    what = f"{text(body, 'kind')} {name_of(body)}"
    if error.status == 403 and "exceeded quota" in error.message:
        return Refused(
            "QuotaExceeded",
            f"{what} exceeds the namespace's quota: {error.message}; raise the ResourceQuota",
        )
    if error.status == 403 and "being terminated" in error.message:
        return Refused("NamespaceTerminating", f"{what}: the namespace is being deleted")
    if error.status == 403:
        return Refused(
            "Forbidden",
            f"the operator may not create {what}: {error.message}; upgrade the chart's roles, or "
            "ask whoever set the admission policy",
        )
    if error.status == 404:
        return Refused("NotFound", f"{what}: {error.message}")
    if error.status in (400, 422):
        return Refused("Rejected", f"the API server rejects {what}: {error.message}")
    return error
