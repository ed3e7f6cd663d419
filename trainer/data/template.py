"""Answers in the words of a chat template: the text that the model is given, and the text that it should write.

What is given is the template's own generation prompt, so that training begins where generation will. The alternative,
marking answers inside the template (`{% generation %}`), needs templates that few models bring.

Templates that do not begin an answer as their generation prompt does (reasoning models add `<think>` there, and strip
it from answers) are cut where the answer's own content begins, found by rendering a placeholder in its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from trainer.data.conversations import Conversation, Message

_PLACEHOLDER: Final = "\ue000answer\ue000"
"""Stands for an answer; private-use characters, which no template looks at."""


class NotRenderedError(Exception):
    """A conversation that a template refuses, or in which the answer cannot be told from what comes before it."""


class Renderer:
    """Renders answers with a tokenizer's chat template, or plainly where it has none.

    Args:
        tokenizer: a fast tokenizer of transformers.

    Attributes:
        templated: whether there is a template.
        end: text of the token that the template ends an answer with; None where it ends it with none.
        split_by_content: answers that the template does not begin with its generation prompt, so far.
        with_special_tokens: answers in which a special token is written out, so far.
        shows_tools: whether the template shows the tools at hand; None until a conversation has some.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.templated = bool(tokenizer.chat_template)
        self.end = self._end() if self.templated else None
        self.split_by_content = 0
        self.with_special_tokens = 0
        self._special = re.compile("|".join(map(re.escape, sorted(tokenizer.all_special_tokens))) or "(?!)")
        self.shows_tools: bool | None = None

    def parts(self, conversation: Conversation, index: int) -> tuple[str, str]:
        """What comes before an answer, and the answer with its end.

        Args:
            conversation: not a document.
            index: of the answer among its messages.

        Raises:
            NotRenderedError: the template refuses it.
        """
        before, answer = conversation.messages[:index], conversation.messages[index]
        self.with_special_tokens += self._special.search(answer["content"]) is not None
        if not self.templated:
            return _plain(before, answer)
        prompt = self._render(before, conversation.tools, generate=True)
        if conversation.tools and self.shows_tools is None:
            self.shows_tools = prompt != self._render(before, None, generate=True)
        whole = self._trimmed(self._render((*before, answer), conversation.tools))
        if not whole.startswith(prompt):
            prompt = self._up_to_content(before, conversation.tools, whole)
            self.split_by_content += 1
        return prompt, whole[len(prompt) :]

    def _up_to_content(self, before: Sequence[Message], tools: tuple[Any, ...] | None, whole: str) -> str:
        placed = self._render((*before, {"role": "assistant", "content": _PLACEHOLDER}), tools)
        prompt, found, _ = placed.partition(_PLACEHOLDER)
        if not found or not whole.startswith(prompt):
            raise NotRenderedError("the template renders what comes before the answer differently with and without it")
        return prompt

    def _trimmed(self, text: str) -> str:
        """Without the white space that a template writes after the end of an answer: the model stops before it."""
        stripped = text.rstrip()
        return stripped if self.end is not None and stripped.endswith(self.end) else text

    def _render(self, messages: Sequence[Message], tools: tuple[Any, ...] | None, *, generate: bool = False) -> str:
        from jinja2.exceptions import TemplateError

        try:
            text = self._tokenizer.apply_chat_template(
                list(messages), tools=list(tools) if tools else None, tokenize=False, add_generation_prompt=generate
            )
        except (TemplateError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise NotRenderedError(f"the template refuses it: {error}") from error
        return str(text)

    def _end(self) -> str | None:
        """The special token that follows an answer's content, if one does."""
        question = {"role": "user", "content": "a"}
        try:
            text = self._render([question, {"role": "assistant", "content": _PLACEHOLDER}], None)
        except NotRenderedError:
            return None
        _, _, after = text.rpartition(_PLACEHOLDER)
        ids = self._tokenizer(after.rstrip(), add_special_tokens=False)["input_ids"]
        special = {index for index, token in self._tokenizer.added_tokens_decoder.items() if token.special}
        special |= set(self._tokenizer.all_special_ids)
        return str(self._tokenizer.convert_ids_to_tokens(ids[-1])) if ids and ids[-1] in special else None


def _plain(before: Sequence[Message], answer: Message) -> tuple[str, str]:
    """Prompt and answer as they stand, with a line feed between them where neither has white space there.

    >>> _plain([{"role": "user", "content": "2+2?"}], {"role": "assistant", "content": "4"})
    ('2+2?\\n', '4')
    """
    if [each["role"] for each in before] != ["user"] or answer.get("tool_calls"):
        raise NotRenderedError("the tokenizer has no chat template, and this is more than one prompt and one answer")
    prompt, content = str(before[0]["content"]), str(answer["content"])
    apart = prompt[-1:].isspace() or content[:1].isspace() or not prompt
    return prompt if apart else f"{prompt}\n", content
