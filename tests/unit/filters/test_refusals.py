import pytest

from tests.unit.filters.asked import found

REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, but I can’t assist with that request.",
    "I cannot assist with this request.",
    "I can't help you with that, as it could harm others.",
    "Sorry, I cannot provide instructions for this.",
    "I apologize, but I am unable to answer this question.",
    "Unfortunately, I am not able to complete this task.",
    "I'm unable to help with creating such content.",
    "As an AI language model, I cannot have opinions on political matters.",
    "As an AI, I don't have access to the picture, so I stop here.",
    "I must decline to answer this.",
    "I have to respectfully decline this request.",
    "I won't engage in this discussion.",
    "I cannot provide medical advice. Please see a doctor.",
    "This question is beyond my capabilities.",
    "Sorry, that goes against my guidelines, so let us talk about something else.",
    "I regret to say that I cannot answer it.",
    "抱歉，我无法回答这个问题。",
    "对不起，我不能提供相关的信息。",
    "很遗憾，我没办法帮您完成这个任务。",
    "你好，这个问题我暂时无法回答，让我们换个话题再聊聊吧。",
    "我无法提供此类内容。",
    "作为一个人工智能语言模型，我无法提供这方面的建议。",
    "**I'm sorry**, but I won't be able to provide the code you asked for.",
]

ANSWERS = [
    "The answer is 12.",
    r"I'm sorry for the long derivation. The answer is \boxed{12}.",
    r"Sorry, I cannot give a closed form, but numerically the result is \boxed{1.234}.",
    "Such a number cannot exist: if it did, its square would be negative.",
    "It is impossible to tile the board, so the answer is no.",
    "We cannot divide by zero, so x = 2 is excluded.",
    "I cannot stress enough that the limit must exist first. It does, and is 1.",
    "Unfortunately, the series diverges.",
    "Sorry about the confusion above. The result is 7.",
    "No solution exists.",
    "The equation can't be solved in radicals, as its Galois group is S5.",
    "I can help! First, preheat the oven to 200 degrees.",
    "You can't take 5 from 3, so borrow a ten.",
    "Anna says: I will not come. Therefore Ben comes.",
    "The knight cannot help the king in fewer than 3 moves.",
    "There is not enough information to determine the age of the captain.",
    "The AI assistant in the story refuses to open the doors.",
    "He apologized and said that he would not be able to come.",
    "As an AI researcher, you would measure this with a held-out set.",
    "无解，因为判别式小于零。",
    "对不起，前面算错了一步，正确结果是 7。",
    "抱歉让您久等了，答案是 12。",
    "我们不能同时除以零，所以 x 不等于 2。",
    "The letter could begin: Dear Ms Li, I regret to inform you that we must cancel the order.",
    "The proof is long. " * 30 + "I'm sorry, but I can't help with that.",
]


@pytest.mark.parametrize("answer", REFUSALS)
def test_a_refusal_is_found(answer: str) -> None:
    assert found("refusals", "The user asks for something.", answer)


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_is_no_refusal(answer: str) -> None:
    assert found("refusals", "I cannot help but wonder. Sorry, I can't do that step.", answer) == ""
