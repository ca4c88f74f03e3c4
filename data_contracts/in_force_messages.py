"""What is in force: the model, the policies, the catalogue of features; each with the digest that answers name."""

from __future__ import annotations

from pydantic import BaseModel, Field, JsonValue


class HeadInForce(BaseModel):
    """One head of the model; a field is null where its training did not tell it."""

    name: str
    title_zh: str | None
    title_en: str | None
    description: str | None
    horizon_days: int | None = Field(
        description="预测期（天）；空值为“当日检查即发现”。 Null where a visit on the day is given."
    )


class ModelInForce(BaseModel):
    """The model that answers now."""

    version: str
    sha256: str = Field(description="模型文件夹的摘要。 Digest of the model's folder.")
    created_at: str | None
    until: str | None = Field(description="训练所用记录的截止时点。 Nothing recorded later was learned from.")
    simulated: bool | None = Field(description="是否以模拟数据训练。 Whether trained on simulated records.")
    catalogue_hash: str | None = Field(
        description="训练时的特征目录摘要。 The catalogue at training; a computation that has changed since would be refused."
    )
    features: int
    heads: list[HeadInForce]


class PolicyText(BaseModel):
    """One policy that is in force today, with its text."""

    name: str
    title_zh: str
    title_en: str
    valid_from: str
    valid_until: str | None
    reference: str
    trust: str
    sha256: str = Field(
        description="此段内容的摘要，与答复中的 policies 相同。 Digest of what is in force, as answers name it."
    )
    file_sha256: str = Field(description="整个文件的摘要。 Digest of the whole file.")
    content: dict[str, JsonValue]


class PoliciesInForce(BaseModel):
    """The policies of a day, all of them."""

    day: str
    policies: list[PolicyText]


class FeatureInForce(BaseModel):
    """One declared feature; docs/features.md has the whole declaration."""

    name: str
    family: str
    label_zh: str
    label_en: str
    unit: str
    direction: int = Field(
        description="1 值大风险升, -1 值大风险降, 0 无此约定. 1: more is worse, -1: more is better, 0: neither."
    )
    in_model: bool
    in_reasons: bool
    missing: str = Field(description="缺失的含义。 What missing means.")


class CatalogueInForce(BaseModel):
    """The catalogue of features that answers are computed by."""

    version: str
    hash: str
    features: list[FeatureInForce]
