"""The pages in Japanese, in polite speech."""

from __future__ import annotations

from hub.web.words.page import PageWords

JAPANESE = PageWords(
    language="ja",
    direction="ltr",
    months=("1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"),
    moment="{month}{day}日 {time}（UTC）",
    question="{brand}をご友人や同僚の方に勧める可能性は、どのくらいありますか？",
    lowest="0 = まったくない",
    highest="10 = 非常に高い",
    chosen="お客様の評価",
    out_of="/ 10",
    answered="現在のご回答は {score} です。{until}まで変更できます。送信するまで内容は変わりません。",
    ask_anyone="その点数を選ばれた主な理由をお聞かせください。",
    ask_detractor="まず改善すべき点は何でしょうか？",
    ask_passive="9点または10点に足りない点は何でしょうか？",
    ask_promoter="特に気に入っている点は何でしょうか？",
    rating_lowest="1 = とても悪い",
    rating_highest="5 = とても良い",
    optional="任意",
    send="回答を送信する",
    send_again="変更した回答を送信する",
    score_missing="点数が選択されていません。0から10までの数字を選び、もう一度送信してください。",
    comment_too_long=(
        "コメントが{limit}文字を超えているため、まだ記録されていません。入力内容は下に残っています。"
        "短くしてから、もう一度送信してください。"
    ),
    rating_unclear=(
        "評価が1から5の数字ではないか、このアンケートにない項目のため、まだ記録されていません。下"
        "でもう一度選んでから、再度送信してください。"
    ),
    thanks="ご回答ありがとうございます",
    thanks_detractor="{brand}がご期待に添えず、申し訳ございません。いただいたご回答を改善に役立ててまいります。",
    thanks_passive=(
        "{brand}をご利用いただき、ありがとうございます。いただいたご回答を、さらなる改善に役立ててまいります。"
    ),
    thanks_promoter="{brand}を勧めたいと思っていただけて、大変うれしく存じます。",
    recorded="ご回答を記録しました。このページを閉じていただいて構いません。",
    change="回答を変更する",
    closed="ご回答は記録されています",
    closed_why="これ以上の変更はできません。ご協力ありがとうございました。",
    over="このアンケートは終了しました",
    over_why="回答の受付は終了しています。お手続きは必要ありませんので、このページを閉じてください。",
    unsubscribe_question="{brand}からのアンケートを停止しますか？",
    unsubscribe_why=(
        "このメールアドレスには、今後アンケートをお送りしません。その他のメールはこれまでどおり届きます。"
    ),
    unsubscribe="配信を停止する",
    unsubscribed="配信を停止しました",
    unsubscribed_why=(
        "今後、{brand}からこのメールアドレスにアンケートをお送りすることはありません。"
        "このページを閉じていただいて構いません。"
    ),
    not_found="このリンクは利用できません",
    not_found_why=(
        "リンクが途中で切れているか、アンケートが終了した可能性があります。メールのリンクをもう一度開くか、"
        "全体をコピーしてアドレスバーに貼り付けてください。"
    ),
    trial="これはテストメールです",
    trial_why="実際のメールでは、リンクからアンケートが開きます。ここでは何も記録されません。",
    too_large="文章が長すぎます",
    too_large_why="何も記録されていません。前のページに戻り、コメントを短くしてから、もう一度送信してください。",
)
