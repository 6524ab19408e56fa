"""TRL's SFTTrainer, set up as the settings say. Nothing here knows a corpus or a student's template."""

from pathlib import Path
from typing import Any

from tracegen.distill.checkpoints import last_checkpoint
from tracegen.distill.plan import Plan, Shape
from tracegen.distill.settings import Order, Settings
from tracegen.errors import RecipeError, boundary

LOG_EVERY = 10
KEPT_CHECKPOINTS = 2


def processes() -> Any:
    """This process among those that ``accelerate launch`` or ``torchrun`` started; alone without them."""
    import torch
    from accelerate import PartialState

    return PartialState(cpu=not torch.cuda.is_available())


def base_config(settings: Settings) -> Any:
    """The base's configuration, with the student's RoPE settings laid over it. Raises RecipeError."""
    from transformers import AutoConfig

    base = settings.base
    with boundary(RecipeError, f"cannot read the base model {base}", hint="--base names a folder or a hub id"):
        config = AutoConfig.from_pretrained(base)
    if settings.rope:
        config.rope_parameters = {**config.rope_parameters, "rope_theta": settings.rope.rope_theta}
        config.max_position_embeddings = settings.rope.max_position_embeddings
    return config


def shape_of(config: Any) -> Shape:
    """The model in numbers; no weight is made."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    return Shape(
        parameters=sum(one.numel() for one in model.parameters()),
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        positions=config.max_position_embeddings,
    )


def load_base(settings: Settings, config: Any, tokenizer: Any) -> Any:
    """The base's weights, in float32, with a row for every token of the student's tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, set_seed

    set_seed(settings.seed)  # rows that are new are drawn
    with boundary(RecipeError, f"cannot load the base model {settings.base}"):
        model = AutoModelForCausalLM.from_pretrained(settings.base, config=config, dtype=torch.float32)
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(tokenizer))
    model.generation_config.eos_token_id = model.config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.bos_token_id = model.config.bos_token_id = tokenizer.bos_token_id
    return model


def make_trainer(order: Order, plan: Plan, model: Any, tokenizer: Any, rows: Any) -> Any:
    """``rows``: a data set with ``input_ids`` and ``assistant_masks``, none above the length."""
    from trl import SFTTrainer

    return SFTTrainer(model, args=sft_config(order, plan), train_dataset=rows, processing_class=tokenizer)


def sft_config(order: Order, plan: Plan) -> Any:
    """TRL's arguments. What is not named here was not published, and is the trainer's default."""
    import torch
    from trl import SFTConfig

    settings, on_gpu = order.settings, torch.cuda.is_available()
    return SFTConfig(
        output_dir=str(order.output),
        # As published.
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": settings.least_learning_rate},
        max_steps=plan.steps,
        per_device_train_batch_size=order.micro_batch,
        gradient_accumulation_steps=plan.accumulation,
        # Rows come with a mask of what is learnt. None is cut, none is packed with another.
        max_length=None,
        packing=False,
        # What it is computed with.
        bf16=settings.dtype == "bfloat16",
        use_cpu=not on_gpu,
        gradient_checkpointing=on_gpu,
        ddp_find_unused_parameters=False,
        seed=settings.seed,
        data_seed=settings.seed,
        # What it leaves behind.
        save_strategy="steps",
        save_steps=order.save_every,
        save_total_limit=KEPT_CHECKPOINTS,
        logging_steps=min(LOG_EVERY, max(1, plan.steps // LOG_EVERY)),
        logging_first_step=True,
        report_to="none",
        disable_tqdm=True,
    )


def train(trainer: Any, output: Path) -> list[float]:
    """From the last whole checkpoint on, or from the beginning. The logged losses, each a mean since the one before."""
    checkpoint = last_checkpoint(output)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    trainer.save_model(str(output))
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
