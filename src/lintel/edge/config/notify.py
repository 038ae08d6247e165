"""The settings of whom the device tells what happens at its cameras."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from lintel.edge.config.section import Section


class Mqtt(Section, frozen=True):
    """Events to an MQTT broker, each until the broker has it."""

    host: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9._:-]{0,253}$",
            description="Name or address of the broker; empty: none.",
        ),
    ] = ""
    port: Annotated[
        int, Meta(ge=0, le=65_535, description="Its port; 0: 8883 with TLS, else 1883.")
    ] = 0
    topic: Annotated[
        str,
        Meta(
            pattern=r"^[^#+\x00/$][^#+\x00]{0,199}$",
            description="What topics begin with: events go to TOPIC/CAMERA/KIND, and whether the"
            " device is online to TOPIC/status.",
        ),
    ] = "lintel"
    client_id: Annotated[
        str, Meta(max_length=64, description="What the device calls itself; empty: as it happens.")
    ] = ""
    username: Annotated[str, Meta(max_length=256, description="User name; empty: none.")] = ""
    password_file: Annotated[
        str, Meta(description="File whose first line is the password; empty: none.")
    ] = ""
    tls: Annotated[bool, Meta(description="Encrypt, and check the broker's certificate.")] = False
    authority: Annotated[
        str,
        Meta(
            description="PEM file of the authority that signed the broker's certificate; empty:"
            " those that this machine trusts."
        ),
    ] = ""
    certificate: Annotated[
        str, Meta(description="PEM file with the device's own certificate; empty: none.")
    ] = ""
    private_key: Annotated[str, Meta(description="PEM file with the certificate's key.")] = ""
    insecure: Annotated[bool, Meta(description="Allow brokers on other machines without TLS.")] = (
        False
    )
    pictures: Annotated[
        bool, Meta(description="Send a blurred picture along with events about people.")
    ] = False


class Webhook(Section, frozen=True):
    """Events by HTTP, each posted until the receiver has it."""

    url: Annotated[str, Meta(description="http:// or https:// address; empty: none.")] = ""
    secret_file: Annotated[
        str,
        Meta(
            description="File whose first line is the secret that posts are signed with (HMAC-"
            "SHA256, Standard Webhooks), whsec_ and base64, or any text; empty: not signed."
        ),
    ] = ""
    authority: Annotated[
        str,
        Meta(
            description="PEM file of the authority that signed the receiver's certificate; empty:"
            " those that this machine trusts."
        ),
    ] = ""
    timeout_s: Annotated[
        float, Meta(gt=0, le=300, description="Seconds that the receiver may take to answer.")
    ] = 10.0
    insecure: Annotated[bool, Meta(description="Allow http:// to other machines.")] = False
    pictures: Annotated[
        bool, Meta(description="Send a blurred picture along with events about people.")
    ] = False
