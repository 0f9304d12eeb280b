"""Every setting with its default, its bounds and its meaning; the sample file and the schema are made from this."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from .kinds import (
    ControlGroups,
    DeadlineSeconds,
    Directory,
    Disks,
    Endpoint,
    ExporterUrl,
    File,
    Headers,
    HostNames,
    IntervalSeconds,
    ListenAddress,
    Names,
    Paths,
    Pattern,
    have_good_names,
)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HttpSettings(_Section):
    """The one port that everything is served on."""

    listen: ListenAddress = Field(
        "127.0.0.1:9464",
        description="Address and port; port 0 takes a free one. Beyond loopback a token or users must be set, and TLS.",
    )
    allowed_hosts: HostNames = Field(
        (),
        description="Host names that requests may be addressed to, beside localhost and the address itself.",
    )
    web_config: Path | None = Field(
        None,
        description="TLS, users and headers: a YAML file as Prometheus's exporters take it (--web.config.file).",
    )
    insecure: bool = Field(
        False,
        description="Serve beyond loopback without TLS: for where something else encrypts, such as a proxy or a VPN.",
    )


class MonitorSettings(_Section):
    """What is read from the host, and how often."""

    interval_seconds: IntervalSeconds = Field(
        5.0, description="Period of the fast collectors; slow ones keep theirs unless this is longer."
    )
    deadline_seconds: DeadlineSeconds = Field(
        2.0, description="How long one collector may take before it counts as hung and the others go on."
    )
    root_path: Directory = Field(
        Path("/"), description="Where the root of the watched host is mounted; in a container often /host."
    )
    collect: Names = Field(
        (), description="Only these collectors, each of which must find something to read; empty: all that do."
    )
    no_collect: Names = Field((), description="Not these collectors.")


class CollectorSettings(_Section):
    """What every collector can be told."""

    interval_seconds: IntervalSeconds | None = Field(None, description="A period of its own.")
    deadline_seconds: DeadlineSeconds | None = Field(None, description="A deadline of its own.")


class CpuSettings(CollectorSettings):
    per_core: bool = Field(False, description="One series per logical CPU in place of their sum.")


class DiskSettings(CollectorSettings):
    exclude_types: Names = Field(
        (
            *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs"),
            *("efivarfs", "erofs", "fuse.lxcfs", "fusectl", "hugetlbfs", "iso9660", "mqueue", "nfsd", "nsfs"),
            *("overlay", "proc", "procfs", "pstore", "rpc_pipefs", "securityfs", "selinuxfs", "squashfs", "sysfs"),
            "tracefs",
        ),
        description="File system types that are left out: pseudo file systems, and those that repeat another's space.",
    )
    exclude_mountpoints: Pattern = Field(
        r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
        description="Mount points that are left out: a regular expression, searched for; empty for none.",
    )
    exclude_devices: Pattern = Field(
        r"^((z?ram|loop|fd|sr|dm-|md)\d+|md_.*|((h|s|v|xv)d[a-z]+|md\d+p|(nvme\d+n|mmcblk|nbd)\d+p|dasd[a-z]+)\d+)$",
        description="Block devices left out of disk I/O, by default all but whole disks: a regular expression.",
    )
    mount_deadline_seconds: DeadlineSeconds = Field(
        1.0, description="How long one file system may take to answer before it is left out until it does."
    )


class TrafficSettings(CollectorSettings):
    exclude_interfaces: Pattern = Field(
        "", description="Interfaces that are left out: a regular expression; empty for none."
    )


class ProcessesSettings(CollectorSettings):
    metrics: Literal["off", "groups", "top", "all"] = Field(
        "groups",
        description="What becomes of processes in Prometheus: nothing, their sums by executable, the busiest ones, or "
        "all of them, each with its pid, whose number of series is yours to bear. The API has them all in any case.",
    )
    top: int = Field(10, ge=1, le=100, description="How many are the busiest ones.")
    max_groups: int = Field(
        500, ge=1, le=10_000, description="Executables with sums of their own; the others are added up as `other`."
    )
    command_lines: bool = Field(
        False, description="Whether the API shows command lines, in which some programs are given secrets."
    )


class BitacoraProcessSettings(CollectorSettings):
    pattern: Pattern = Field(
        r"^(bitacora|bstradivarius)",
        description="Names of the executables that are Bitacora's: a regular expression; empty for none.",
    )


class InterfacesSettings(CollectorSettings):
    exclude_interfaces: Pattern = Field(
        "", description="Interfaces that are left out: a regular expression; empty for none."
    )


class CgroupSettings(CollectorSettings):
    names: ControlGroups = Field(
        (),
        description="Control groups to read beside our own: paths such as system.slice/docker.service.",
    )


class SensorsSettings(CollectorSettings):
    exclude_chips: Names = Field(
        (),
        description="Chips that are not read, by the names that `sensors` shows, such as nvme or drivetemp.",
    )


class ServicesSettings(CollectorSettings):
    units: Pattern = Field(
        "",
        description="systemd units that are named with every state, and services with their counts, at most 200: a regular "
        "expression, searched for; of others only failed ones are named.",
    )
    bus_deadline_seconds: DeadlineSeconds = Field(
        1.5, description="How long systemd may take to answer; two runs of systemctl may each take as long."
    )


class DiskHealthSettings(CollectorSettings):
    devices: Disks = Field(
        (),
        description="Disks to ask smartctl about, by path, and behind a blank the type for its --device where it needs one; "
        "empty: those that it finds, which under another root_path are none.",
    )
    refresh_seconds: float = Field(
        300.0, ge=10, le=86_400, description="How often smartctl is run; what it said last is given in between."
    )
    device_deadline_seconds: DeadlineSeconds = Field(10.0, description="How long one disk may take to answer.")


class CollectorsSettings(_Section):
    """One section for each built-in collector."""

    cpu: CpuSettings = CpuSettings()
    memory: CollectorSettings = CollectorSettings()
    disk: DiskSettings = DiskSettings()
    load: CollectorSettings = CollectorSettings()
    process_counts: CollectorSettings = CollectorSettings()
    processes: ProcessesSettings = ProcessesSettings()
    bitacora: BitacoraProcessSettings = BitacoraProcessSettings()
    os_info: CollectorSettings = CollectorSettings()
    traffic: TrafficSettings = TrafficSettings()
    interfaces: InterfacesSettings = InterfacesSettings()
    connections: CollectorSettings = CollectorSettings()
    pressure: CollectorSettings = CollectorSettings()
    cgroup: CgroupSettings = CgroupSettings()
    sensors: SensorsSettings = SensorsSettings()
    power: CollectorSettings = CollectorSettings()
    gpu: CollectorSettings = CollectorSettings()
    services: ServicesSettings = ServicesSettings()
    disk_health: DiskHealthSettings = DiskHealthSettings()


class OtlpSettings(_Section):
    """Where metrics are sent over OTLP, beside being served; the standard OTEL_* variables set the same."""

    endpoint: Endpoint | None = Field(
        None,
        description="URL of a receiver of OTLP, such as http://127.0.0.1:4318; over HTTP, /v1/metrics is added to it. "
        "The standard OTEL_EXPORTER_OTLP_ENDPOINT does the same; with neither, nothing is sent.",
    )
    metrics_endpoint: Endpoint | None = Field(
        None, description="The whole URL for metrics, to which nothing is added; goes before the other."
    )
    protocol: Literal["http/protobuf", "grpc"] = Field(
        "http/protobuf", description="What the receiver speaks there: http/protobuf (4318, usually) or grpc (4317)."
    )
    headers: Headers | None = Field(
        None,
        description="Headers to send along, such as authorization=Bearer%20abc: key=value pairs, with commas between.",
    )
    headers_file: File | None = Field(None, description="A file that holds them, such as a mounted secret.")
    compression: Literal["none", "gzip"] = Field("none", description="none or gzip.")
    timeout_seconds: float = Field(
        10.0,
        ge=0.1,
        le=60,
        description="How long the receiver may take, retries included. OTEL_EXPORTER_OTLP_TIMEOUT is in milliseconds.",
    )
    interval_seconds: float = Field(
        60.0,
        ge=1,
        le=3600,
        description="How often the newest values are sent. OTEL_METRIC_EXPORT_INTERVAL is in milliseconds.",
    )
    certificate_file: File | None = Field(None, description="Certificates to trust in place of the system's (PEM).")
    client_key_file: File | None = Field(None, description="The key of our own certificate (PEM).")
    client_certificate_file: File | None = Field(None, description="Our own certificate, where one is asked for (PEM).")
    processes: bool = Field(
        True,
        description="Whether each process is sent, as a Resource of its own; else the sums that /metrics has of them.",
    )


class ExporterSettings(_Section):
    """Where records are sent to: one section for each destination, by a name that stays, as what was delivered is kept under it."""

    url: ExporterUrl = Field(
        description="Where to, such as otlp+http://collector:4318, otlp+grpc://collector:4317 or file:///var/log/out.jsonl."
    )
    headers: Headers | None = Field(
        None, description="Headers to send along: key=value pairs, values percent-encoded, with commas between."
    )
    headers_file: File | None = Field(None, description="A file that holds them, such as a mounted secret.")
    compression: Literal["none", "gzip", "zstd"] = Field("none", description="none, gzip or zstd.")
    timeout_seconds: float = Field(10.0, ge=0.1, le=300, description="How long one request may take.")
    certificate_file: File | None = Field(None, description="Certificates to trust in place of the system's (PEM).")
    client_key_file: File | None = Field(None, description="The key of our own certificate (PEM).")
    client_certificate_file: File | None = Field(None, description="Our own certificate, where one is asked for (PEM).")
    bootstrap: bool = Field(
        False, description="Whether what records need and isn't there is made: a topic, indexes, an index's template."
    )
    level: Literal["trace", "debug", "info", "warn", "error"] = Field(
        "trace", description="Only records from this level on; the others are counted as filtered."
    )
    query: str = Field("", description="Only records that this query wants, in the language of `logs query`.")
    start: Literal["oldest", "now"] = Field(
        "oldest", alias="from", description="What a new exporter begins with: the oldest record, or those from now on."
    )
    batch_records: int = Field(5000, ge=1, le=100_000, description="At most so many records are sent at once,")
    batch_bytes: int = Field(1 << 20, ge=1 << 10, le=64 << 20, description="and so many bytes of them,")
    batch_age_seconds: float = Field(0.5, ge=0, le=60, description="and a record waits no longer for others.")
    max_backoff_seconds: float = Field(
        60.0, ge=0, le=3600, description="The longest wait between two attempts, unless the destination asks for more."
    )


Ratio = Annotated[float, Field(ge=0, le=1)]


Exporters = Annotated[dict[str, ExporterSettings], AfterValidator(have_good_names)]


class EventsSettings(_Section):
    """What is said at once when it happens, in the log, beside being sampled."""

    pressure: bool = Field(True, description="Tasks that had to wait for too long within two seconds.")
    cpu_stall_ratio: Ratio = Field(
        0.0,
        description="Share of two seconds in which tasks waited for a CPU; 0 for never: compilers keep them waiting.",
    )
    memory_stall_ratio: Ratio = Field(0.1, description="The same for memory.")
    io_stall_ratio: Ratio = Field(0.5, description="The same for I/O.")
    out_of_memory: bool = Field(True, description="Processes that the kernel killed for want of memory.")
    units: bool = Field(True, description="Units of systemd that failed.")
    links: bool = Field(True, description="Network interfaces that got or lost their link.")
    exclude_links: Pattern = Field(
        r"^(br-|cali|cni|docker|flannel|tap|tun|veth|virbr|vnet)",
        description="Interfaces whose links are no events: those of containers; a regular expression, empty for none.",
    )
    file_systems: bool = Field(True, description="File systems that got nearly full.")
    file_system_ratio: Annotated[float, Field(gt=0, le=1)] = Field(
        0.95, description="How full nearly full is, of what users may use."
    )
    min_interval_seconds: float = Field(
        30.0,
        ge=1,
        le=86_400,
        description="Events of one thing that follow more closely are counted, and one is logged.",
    )


class SourcesSettings(_Section):
    """Where log records come from beside the handler; all end in the same journal."""

    otlp: bool = Field(True, description="Whether POST /v1/logs takes records over OTLP; they must bring the token.")
    files: Paths = Field(
        (Path("/var/log/bitacora/bitacora.log"),),
        description="Log files to follow through rotations, by absolute path: JSON as tracing-subscriber and others write "
        "it, text, or Kubernetes's CRI. What isn't there is waited for.",
    )


class Settings(BaseSettings):
    """The whole. `load_settings` merges the sources; constructed directly it takes only what it is given."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="BITACORA_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        enable_decoding=False,
    )

    state_dir: Path | None = Field(
        None, description="Where the token and everything kept is stored; default $XDG_STATE_HOME/otel-bitacora."
    )
    journal_dir: Path | None = Field(
        None, description="Where records are kept; default: journal in the state directory."
    )
    keep_own_log: bool = Field(
        True, description="Whether what the sidecar itself says, events of the host among it, is kept there too."
    )
    token: SecretStr | None = Field(
        None, description="The token that requests must bring; default: one generated in the state directory."
    )
    token_file: Path | None = Field(None, description="A file that holds the token, such as a mounted secret.")
    to: Names = Field(
        (),
        description="URLs that records of the journal are sent to, for which nothing more is to be said; the standard "
        "OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_LOGS_ENDPOINT do the same.",
    )
    http: HttpSettings = HttpSettings()
    monitor: MonitorSettings = MonitorSettings()
    events: EventsSettings = EventsSettings()
    otlp: OtlpSettings = OtlpSettings()
    sources: SourcesSettings = SourcesSettings()
    collectors: CollectorsSettings = CollectorsSettings()
    exporters: Exporters = Field(
        {}, description="Where records of the journal are sent to, with all that can be said of it: a section for each."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library calls it by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the merged values alone: the sources are read one by one in `load`, which remembers each origin."""
        return (init_settings,)
