"""Spellings by class: what says the same, and what tempts. A line is a reference and an answer, apart by ``||``."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracegen.types import AnswerReference, Outcome, Trace
from tracegen.verify.math import MathVerifier


def outcome(reference: str, answer: str) -> Outcome:
    return MathVerifier().verify(AnswerReference(answer=reference), Trace("", rf"\boxed{{{answer}}}")).outcome


def pairs(lines: str) -> list[tuple[str, ...]]:
    return [tuple(line.split(" || ")) for line in lines.strip().splitlines()]


SAME = r"""
3\frac{1}{2} || 3.5
3 \frac{1}{2} || \frac{7}{2}
3 1/2 || 7/2
3\frac12 || \dfrac{7}{2}
-1\frac{3}{4} || -\frac{7}{4}
25\% || \frac{1}{4}
25\% || 25
25\% || 25 \text{ percent}
25 percent || 25\%
12.5\% || \frac{1}{8}
33\frac{1}{3}\% || \frac13
33\frac{1}{3} \% || 33\frac13
60^{\circ} || 60
60^{\circ} || \frac{\pi}{3}
\frac{\pi}{3} || 60^\circ
60^{\circ} || 60 \text{ degrees}
60 degrees || 60^\circ
60^\circ || \pi/3 \text{ radians}
\frac{\pi}{3} || \frac{\pi}{3} \text{ rad}
\angle A = 60^\circ || 60^\circ
x = 3 || 3
3 || x = 3
x=3, y=4 || (3, 4)
(3,4) || x=3, y=4
(3,4) || (x,y)=(3,4)
(x, y) = (3, 4) || (3,4)
x=3 \text{ and } y=4 || x = 3, y = 4
a=3,b=4,c=5 || a = 3, \quad b = 4, \quad c = 5
a=3,b=4,c=5 || 3, 4, 5
m=1, n=2 || n=2,\ m=1
x = 1 \text{ or } x = 2 || 1, 2
x = 1 \text{ or } x = 2 || x \in \{1, 2\}
x_1 = 1, x_2 = 2 || x=1, x=2
x_1 = 1, x_2 = 2 || 1, 2
1, 2 || x = 1, 2
1,2 || x=1 \text{ or } x=2
\{1,2\} || x=1,2
x_{1,2} = \pm 3 || x = 3, x = -3
\pm\sqrt{2} || \sqrt2, -\sqrt{2}
\pm 3 || x=\pm 3
1 \pm \sqrt{3} || 1+\sqrt3, 1-\sqrt3
\frac{3\pm\sqrt{5}}{2} || \frac{3+\sqrt5}{2}, \frac{3-\sqrt5}{2}
x = 2 \pm i || 2+i, 2-i
\pm 1, \pm 2 || 1, -1, 2, -2
\pm 1, \pm 2 || -2,-1,1,2
\{\pm 1\} || 1, -1
(\pm 1, 0) || (1,0), (-1,0)
(1, \pm 2) || (1,2),(1,-2)
0, \pm\sqrt{3} || 0,\sqrt3,-\sqrt3
[1, \infty) || x \ge 1
x \geq 1 || [1,\infty)
1 \le x || [1,\infty)
x > 0 || (0, +\infty)
0<x<1 || (0,1)
(0,1) || 0 < x < 1
(-\infty, 0) \cup (0, \infty) || x \neq 0
x \neq 0 || (-\infty, 0) \cup (0, \infty)
x<1 \text{ or } x>2 || (-\infty,1)\cup(2,\infty)
(-\infty,1)\cup(2,\infty) || x < 1 \text{ or } x > 2
(-\infty,1)\cup(2,\infty) || x<1, x>2
(-\infty, \infty) || \mathbb{R}
\mathbb{R} || \text{all real numbers}
x \in \mathbb{R} || \mathbb{R}
\mathbb{R} \setminus \{0\} || (-\infty,0)\cup(0,\infty)
(-\infty,0)\cup(0,\infty) || \mathbb{R} \setminus \{0\}
\mathbb{R}\setminus\{1\} || x \ne 1
a \geq 2 || [2, \infty)
a \in [2, +\infty) || a \ge 2
k > 3 || 3 < k
-1 \leq m \leq 1 || [-1,1]
\{x \mid x > 2\} || x>2
\{x \mid x > 2\} || (2, \infty)
\left\{x \mid -1<x<2\right\} || (-1,2)
\{x : x>2\} || x>2
\{x \in \mathbb{R} : x > 2\} || (2,\infty)
\{x \in \mathbb{R} \mid x > 2\} || (2,\infty)
\emptyset || \varnothing
\emptyset || \{\}
\emptyset || \text{no solution}
\text{no solution} || \text{no solutions}
\text{No} || no
f(x) = x^2 + 1 || x^2+1
f(x) = x^2+1 || f(t) = t^2+1
f(x)=2x+1007 || f(m) = 2m+1007
f(n) = n || f(x)=x
f(x)=cx || f(x)=kx
y = 2x+1 || 2x - y + 1 = 0
y=2x+1 || 2x+1
2x+3y-6=0 || 2x + 3y = 6
x^2+y^2=4 || x^2 + y^2 - 4 = 0
\frac{x^2}{4}+\frac{y^2}{3}=1 || 3x^2+4y^2=12
y^2 = 4x || x = \frac{y^2}{4}
\begin{pmatrix} 1 \\ 2 \end{pmatrix} || (1, 2)
(1,2) || \begin{pmatrix} 1 \\ 2 \end{pmatrix}
\begin{pmatrix} 1 \\ 2 \end{pmatrix} || \begin{bmatrix} 1 \\ 2 \end{bmatrix}
\begin{pmatrix} 1 \\ 2 \end{pmatrix} || \langle 1, 2\rangle
\langle 1,2,3\rangle || (1,2,3)
\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} || \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}
\begin{pmatrix}1/2&0\\0&1\end{pmatrix} || \begin{bmatrix}\frac12 & 0 \\ 0 & 1\end{bmatrix}
\begin{pmatrix} 1 \\ 2 \end{pmatrix} || \begin{array}{c}1\\2\end{array}
\$5.50 || 5.5
\$5.50 || \$5.50
5.50 || \$5.5
\$1{,}234 || 1234
\$ 10,000 || 10000 \text{ dollars}
10 \text{ dollars} || \$10
50 \text{ cents} || 50
1,234,567 || 1234567
1{,}234{,}567 || 1234567
1\,234\,567 || 1234567
1 234 567 || 1234567
0.\overline{3} || 1/3
0.\overline{142857} || \frac17
0.1\overline{6} || \frac16
3.2 \times 10^5 || 320000
3.2\cdot 10^{5} || 320000
3.2e5 || 320000
1.5 \times 10^{-3} || 0.0015
6.02 \times 10^{23} || 602 \times 10^{21}
101_2 || 101_{2}
101_{2} || 101_{\text{two}}
(101)_2 || 101_2
\text{101}_2 || 101_2
3:4 || \frac34
3 : 4 || 3:4
3:4 || 6:8
2:3:4 || 2 : 3 : 4
A(1,2) || (1,2)
(1,2) || A(1,2)
A(1,2), B(3,4) || (1,2), (3,4)
A = (1,2) || (1,2)
P(3, -1) || P = (3,-1)
12:30 || 12:30
12:30 \text{ PM} || 12:30 \text{ p.m.}
2:00 \text{ PM} || 2 \text{ PM}
\text{12:30 PM} || 12:30 PM
5th || 5
5^{\text{th}} || 5
5^{\text{th}} || 5\text{th}
3 \text{ cm} || 3
3 || 3 \text{ cm}
3\text{ cm}^2 || 3
3 \mathrm{~cm} || 3\text{ cm}
3 \mathrm{~cm}^2 || 3 \text{ cm}^2
3 \text{ square centimeters} || 3\text{ cm}^2
3\text{ m/s} || 3
3 \text{ km/h} || 3 \text{ kilometers per hour}
3 \mathrm{km} || 3 km
45 \text{ mph} || 45 \text{ miles per hour}
5 \text{ apples} || 5
24 \pi \text{ cubic inches} || 24\pi
24\pi || 24\pi \text{ cm}^3
\text{5 hours} || 5
5\text{ hours} || 5 \text{ hrs}
6 || \text{6}
\text{even} || even
\text{Even} || \text{even}
\text{(A)} || A
\textbf{(A)} || A
\textbf{(A) }5 || A
(\text{A}) || A
\text{A} || (A)
\text{Thursday} || Thursday
\text{Monday} || \text{monday}
\text{ellipse} || \text{an ellipse}
\text{the ellipse} || \text{ellipse}
\text{Evelyn} || Evelyn
\text{true} || True
\text{yes} || \text{Yes.}
\ln 4 || 2\ln 2
\log_{2} 3 || \frac{\ln 3}{\ln 2}
\frac{\log 3}{\log 2} || \log_2 3
e^2 || \exp(2)
\sqrt[3]{2} || 2^{1/3}
\sqrt{12} || 2\sqrt{3}
2 \sqrt 3 || 2\sqrt{3}
\sqrt3/3 || \frac{1}{\sqrt{3}}
\frac{\sqrt{3}}{3} || \frac{1}{\sqrt 3}
\frac{\sqrt{6}-\sqrt{2}}{4} || \sin 15^\circ
\sin 15^\circ || \sin(15^{\circ})
\tan^{-1} \frac{1}{2} || \arctan(1/2)
\cos 36^{\circ} || \frac{1+\sqrt5}{4}
\frac{a}{b} || a/b
x(x+1) || x^2+x
(x-1)(x+2) || (x+2)(x-1)
\frac{1}{x} - \frac{1}{x+1} || \frac{1}{x(x+1)}
n(n+1)/2 || \frac{n^2+n}{2}
\frac{n!}{2} || n!/2
\binom{n}{2} || \frac{n(n-1)}{2}
{n \choose 2} || \frac{n(n-1)}{2}
C_{10}^{3} || 120
2^{n} - 1 || 2^n-1
2^{n+1} || 2 \cdot 2^n
(-1)^n || (-1)^{n}
n \in \mathbb{N} || n \in \mathbb{N}
k\pi, k \in \mathbb{Z} || k \pi
\frac{\pi}{4} + k\pi, k\in\mathbb{Z} || \frac{\pi}{4}+n\pi, n\in\mathbb{Z}
x = \frac{\pi}{4} + k\pi, k \in \mathbb{Z} || x = \frac{\pi}{4}+n\pi \quad (n \in \mathbb{Z})
x = 2 + 3t, y = 1 - t || (2+3t, 1-t)
(-32 + 3x, 64 - 5x) || (-32+3t, 64-5t), t \in \mathbb{Z}
\frac{1}{2} e^{2x} + C || \frac{e^{2x}}{2} + C
4\sqrt{2} \approx 5.66 || 4\sqrt{2}
5.66 || 4\sqrt{2} \approx 5.66
|x| || |x|
|x-1| || |1-x|
\lfloor x \rfloor || \lfloor x\rfloor
i || i
2 + 3i || 3i+2
-i\sqrt{2} || -\sqrt{2}i
\frac{1}{2}-\frac{\sqrt{3}}{2}i || \frac{1-i\sqrt{3}}{2}
\frac{1+i\sqrt3}{2} || e^{i\pi/3}
\overrightarrow{AB} || \overrightarrow{AB}
\vec{a} + \vec{b} || \vec{b}+\vec{a}
2\mathbf{i} + 3\mathbf{j} || 3\mathbf{j}+2\mathbf{i}
\triangle ABC || \triangle ABC
10! || 3628800
2^{10} || 1024
7^{2} || 49
1 - \frac{1}{2^{10}} || \frac{1023}{1024}
\frac{3}{4}\pi || \frac{3\pi}{4}
3/4 \pi || \frac{3\pi}{4}
\frac{{3}}{4} || 0.75
.5 || 0.5
+5 || 5
-0 || 0
5.0 || 5
5. || 5
05 || 5
\frac{10}{2} || 5
\frac{-1}{-2} || \frac12
- 3 || -3
(5) || 5
{5} || 5
\{5\} || 5
[5] || 5
5 \quad || 5
$5$ || 5
\(5\) || 5
\[5\] || 5
**5** || 5
5 \checkmark || 5
\underline{5} || 5
\mathbf{5} || 5
\color{red}{5} || 5
\textcolor{red}{5} || 5
\displaystyle\frac12 || 1/2
n = 5 \text{ or } n=7 || 5, 7
5 and 7 || 7 and 5
5; 7 || 5, 7
(1,2);(3,4) || (1,2), (3,4)
(1,2) \text{ and } (3,4) || (3,4), (1,2)
\{(1,2),(3,4)\} || (3,4) \text{ or } (1,2)
\left(\frac{1}{2},\frac{1}{3}\right) || (1/2, 1/3)
(0.5, 2) || \left(\frac12, 2\right)
\frac{7}{3}, 2 || x = 2 or x = \frac{7}{3}
2:1 || 2 : 1
2017^{2016} || 2017^{2016}
10^{100} || 10^{100}
\infty || +\infty
-\infty || -\infty
\text{DNE} || DNE
\text{does not exist} || does not exist
30\text{ min} || 30 \text{ minutes}
1 \text{ hour } 30 \text{ minutes} || 1 hour 30 minutes
10\text{ km} || 10000\text{ m}
1.5 \text{ m} || 150 \text{ cm}
90 \text{ minutes} || 1.5 \text{ hours}
\frac{3}{2} \text{ hours} || 90 \text{ min}
(-32+3x, 64-5x), x\in\mathbb{Z} || (-29+3t, 59-5t) \text{ for some integer } t
\frac{\pi}{4}+k\pi, k\in\mathbb{Z} || \frac{5\pi}{4}+n\pi, n\in\mathbb{Z}
3k+1, k\in\mathbb{Z} || 3k-2, k\in\mathbb{Z}
2:3:4 || 4:6:8
y = Ce^x || y = ke^x
"""

TEMPTING = r"""
3\text{ mW} || 3\text{ MW}
3\frac{1}{2} || \frac{3}{2}
3\frac{1}{2} || 3\cdot\frac12
3 1/2 || 31/2
2\frac{3}{4} || \frac{23}{4}
25\% || 0.25\%
25\% || 2.5
1\% || 1
0.5\% || 0.5
150\% || 15
33\frac{1}{3}\% || 33\%
60^\circ || \pi/6
60^\circ || 60\pi
60^\circ || 60 \text{ radians}
\frac{\pi}{3} || \frac{\pi}{3}^\circ
x=3 || y=3
x = 3 || x = -3
x=3,y=4 || x=4,y=3
x=3,y=4 || (4,3)
(3,4) || x=4,y=3
(3,4) || 3
(x,y)=(3,4) || (y,x)=(3,4)
a=3,b=4,c=5 || 5,4,3
a=3, b=4 || b=3, a=4
x=1 or x=2 || x=1
x=1 or x=2 || x=1 and x=3
1,2 || 1
1,2 || 1,2,3
1, 2 || 12
1,2 || 1.2
1,000 || 1,00
1,000 || 1, 0
(1,000) || (1,0)
1,234 || 1.234
\pm 2 || 2
2 || \pm 2
\pm 2 || -2
\pm\sqrt2 || \sqrt{2}
1\pm\sqrt3 || \pm(1+\sqrt3)
1\pm\sqrt3 || \sqrt3\pm1
\pm1, \pm2 || 1,2
\pm1,\pm2 || 1,-1,2
\pm1,\pm2 || 1,-1,2,-3
(\pm1, 0) || (1,0)
(\pm1,0) || (0,\pm1)
(\pm 1, \pm 2) || (1,2), (-1,-2)
(\pm 1, \pm 2) || (1,2),(-1,2)
(\pm1,\mp2) || (1,2),(-1,-2)
[1,\infty) || (1,\infty)
x\ge1 || x>1
x > 1 || x > 2
0<x<1 || 0\le x<1
(0,1) || [0,1]
(0,1) || \{0,1\}
[0,1] || \{0,1\}
(0,1) || 0,1
(-\infty,0)\cup(0,\infty) || \mathbb{R}
\mathbb{R} || x \ne 0
x\ne0 || x=0
x \ne 0 || x \ne 1
x\neq 0 || (0,\infty)
x<1 \text{ or } x>2 || 1<x<2
x<1 \text{ or } x>2 || x<2, x>1
(1,2) || x<1 \text{ or } x>2
x>1 \text{ or } x<2 || (1,2)
(1,2) || x>1 or x<2
(-\infty,1)\cup(2,\infty) || (-\infty,2)\cup(1,\infty)
(-\infty,1)\cup(2,\infty) || (-\infty,1]\cup[2,\infty)
(-\infty,1)\cup(2,\infty) || (-\infty,1)
(-\infty,1)\cup(2,\infty) || x<1, y>2
\mathbb{R}\setminus\{0\} || \mathbb{R}
\mathbb{R}\setminus\{0\} || \{0\}
\mathbb{R}\setminus\{0,1\} || \mathbb{R}\setminus\{0\}
\mathbb{R}\setminus\{0\} || \mathbb{Z}\setminus\{0\}
\mathbb{R} || \mathbb{Q}
\mathbb{Z} || \mathbb{N}
a\ge2 || a\le 2
a \ge 2 || 2 \ge a
k>3 || 3>k
\{x|x>2\} || \{x|x<2\}
\{x|x>2\} || \{2\}
\emptyset || \{0\}
\emptyset || \{\emptyset\}
\emptyset || 0
\text{no solution} || \text{one solution}
\text{no solution} || 0
\text{no solutions} || \text{infinitely many solutions}
\text{no real solutions} || \text{no integer solutions}
f(x)=x^2+1 || f(t)=x^2+1
f(x)=x^2+1 || f(t)=t^2-1
f(x)=x^2+1 || g(x)=x^2+1
f(x)=ax+b || f(x)=bx+a
f(x)=ax || f(x)=x^a
f(x) = kx || f(x) = x
f(x)=x || f(x)=kx
f(x)=cx || f(x)=c+x
f(x,y)=x-y || f(y,x)=x-y
f(x)=2x+1007 || f(m)=2x+1007
y=2x+1 || x=2y+1
y=2x+1 || y=2x-1
y=2x+1 || 2x-y=1
2x+3y=6 || 2x+3y=-6
2x+3y=6 || 4x+6y=6
x^2+y^2=4 || x^2+y^2=2
x^2+y^2=4 || x^2-y^2=4
\frac{x^2}{4}+\frac{y^2}{3}=1 || \frac{x^2}{3}+\frac{y^2}{4}=1
y=x || y^2=x^2
xy=6 || y=6
\begin{pmatrix}1\\2\end{pmatrix} || \begin{pmatrix}2\\1\end{pmatrix}
\begin{pmatrix}1&2\\3&4\end{pmatrix} || \begin{pmatrix}1&3\\2&4\end{pmatrix}
\begin{pmatrix}1&2\\3&4\end{pmatrix} || (1,2,3,4)
\begin{pmatrix}1&2\\3&4\end{pmatrix} || \begin{vmatrix}1&2\\3&4\end{vmatrix}
-2 || \begin{pmatrix}1&2\\3&4\end{pmatrix}
\begin{pmatrix}1&2\end{pmatrix} || \begin{pmatrix}1&2&3\end{pmatrix}
\langle1,2\rangle || \langle2,1\rangle
\$5.50 || 550
\$5.50 || 5.50 \text{ cents}
\$5 || 5\text{ cents}
50\text{ cents} || \$50
5 dollars || 5 euros
\$1,234 || 1.234
0.\overline{3} || 0.3
0.\overline{3} || 0.33
0.\overline{12} || 0.1\overline{2}
\frac13 || 0.333
\frac13 || 0.3333333
\frac23 || 0.67
0.67 || 0.66
0.33 || 0.3
\pi || 3.14
\pi || \frac{22}{7}
\sqrt{2} || 1.41421356
3.2\times10^5 || 3.2\times10^4
3.2\times10^5 || 3.2\times10^{-5}
3.2\times 10^5 || 32
10^{100} || 10^{101}
101_2 || 101_3
101_2 || 101
101_2 || 5
101 || 101_2
5 || 101_2
3:4 || 4:3
3:4 || 3,4
3:4 || 34
2:3:4 || 2:3:5
2:3:4 || 4:3:2
2:3:4 || 2:3
2:3 || 2:3:4
2:30 || 1:15
2:30 PM || 2:30 AM
2:30 PM || 14.5
12:30 || 12.5
12:30 || 6:15
A(1,2) || A(2,1)
A(1,2) || B(1,2)
A(1,2), B(3,4) || A(3,4), B(1,2)
(1,2) || A(1,-2)
5^{\text{th}} || 6^{\text{th}}
5th || 5^2
3\text{ cm} || 3\text{ m}
3\text{ cm} || 3\text{ cm}^2
3\text{ cm}^2 || 3\text{ cm}^3
3\text{ m/s} || 3\text{ km/h}
10\text{ km} || 10\text{ m}
10\text{ km} || 1000\text{ m}
90\text{ minutes} || 90\text{ hours}
1.5\text{ m} || 15\text{ cm}
5\text{ apples} || 5\text{ oranges}
3 \text{ million} || 3
3 \text{ dozen} || 3
3 || 3 \text{ thousand}
5 hours || 5 minutes
5 || \text{not } 5
5 || \text{at least } 5
5 || \ge 5
5 || >5
5 || 5!
5 || -5
5 || |{-5}|+1
5 || 5i
5 || 5,5,5
5 || 5 \text{ or } 6
5 || 5 \text{ and } 5.5
5 || 55
5 || 0.5
5 || 5x
5 || 5^5
5 || \frac{5}{2}
5 || 5 \ldots
5 || x>5
5 || x \approx 5.1
5 || \text{five or six}
5 || \text{between } 4 \text{ and } 6
5 || 4 < x < 6
5 || [5, 6]
5 || \{5, 6\}
5 || (5, 5)
0 || \emptyset
0 || \{\}
0 || 10^{-30}
0 || 1 - 0.\overline{9} + 10^{-50}
1 || 0.999999
1 || 1+10^{-40}
\text{even} || \text{odd}
\text{even} || \text{not even}
\text{A} || \text{B}
\text{(A)} || \text{(A) or (B)}
\text{(A)} || AB
A || \text{A and B}
\text{ellipse} || \text{hyperbola}
\text{ellipse} || \text{not an ellipse}
\text{yes} || \text{no}
\text{true} || \text{false}
\text{Monday} || \text{Tuesday}
\text{increasing} || \text{decreasing}
\text{Alice} || \text{Bob}
\text{Alice and Bob} || \text{Alice}
\text{Alice} || \text{Alice or Bob}
\ln 4 || \log 4
\log 4 || \log_2 4
2\ln2 || \ln 2
\ln(x+1) || \ln x + 1
\sqrt{x+1} || \sqrt{x}+1
\sqrt{12} || 2\sqrt{2}
\sqrt[3]{2} || \sqrt{2}
\frac{1}{\sqrt3} || \sqrt{3}
\sin 15^\circ || \sin 15
\sin x || \cos x
\sin^2 x || \sin x^2
\sin^{-1} x || \frac{1}{\sin x}
\arctan 1 || \tan 1
\tan^{-1}\frac12 || \cot\frac12
x(x+1) || x^2+1
(x-1)(x+2) || (x+1)(x-2)
x^2-1 || (x-1)^2
\frac{1}{x} || x
\frac{1}{x+1} || \frac{1}{x}+1
\frac{a}{b} || \frac{b}{a}
n! || n
n! || (n-1)!
(2n)! || 2n!
\binom{n}{2} || \frac{n(n+1)}{2}
\binom{10}{3} || \binom{10}{4}
2^n-1 || 2^{n-1}
2^{n+1} || 2^n+1
(-1)^n || -1^n
(-1)^n || 1
(-1)^n || (-1)^{n+1}
k\pi, k\in\mathbb{Z} || 2k\pi, k\in\mathbb{Z}
\frac{\pi}{4}+k\pi || \frac{\pi}{4}+2k\pi
\frac{\pi}{4}+k\pi, k\in\mathbb Z || \frac{\pi}{3}+n\pi, n\in\mathbb Z
(2+3t, 1-t) || (2+3s, 1-t)
(2+3t, 1-t), t\in\mathbb{Z} || (2+3s, 1+s), s \in \mathbb Z
x^2+C || x^2
x^2 || x^2+C
|x| || x
|x-1| || x-1
\lfloor x\rfloor || \lceil x \rceil
\lfloor x\rfloor || x
2+3i || 2-3i
2+3i || 3+2i
i || -i
i || 1
e^{i\pi/3} || \frac{\sqrt3+i}{2}
\vec{a}\times\vec{b} || \vec{b}\times\vec{a}
\vec{a} || a
\overrightarrow{AB} || \overrightarrow{BA}
\overrightarrow{AB} || AB
2\mathbf{i}+3\mathbf{j} || 3\mathbf{i}+2\mathbf{j}
\bar{z} || z
\triangle ABC || \triangle ABD
2^{10} || 1000
\frac{1023}{1024} || 1
\frac{1023}{1024} || 0.999
1-\frac{1}{2^{100}} || 1
2017^{2016} || 2016^{2017}
(1,2),(3,4) || (1,3),(2,4)
(1,2),(3,4) || (2,1),(4,3)
(1,2),(3,4) || (1,2)
\{(1,2),(3,4)\} || \{(1,4),(3,2)\}
\infty || -\infty
\infty || 10^{100}
\text{DNE} || 0
\text{DNE} || \infty
1\text{ hour } 30\text{ minutes} || 1.3\text{ hours}
1 hour 30 minutes || 130 minutes
C_{10}^3 || C_{10}^4
C_{10}^3 || C^3
A_{10}^3 || C_{10}^3
3.2e5 || 3.2e6
3.2e5 || 3.2\cdot e\cdot 5
2e3 || 6e
\text{(A)} 5 || 6
\textbf{(A)} 5 || \textbf{(B)} 6
\textbf{(A)} 5 || B
-\frac12 || \frac12
-3\frac12 || -2.5
x=1,y=2 || x=1
x=1,y=2,z=3 || x=1,y=2
a^b || b^a
x_1 || x_2
x_1=1,x_2=2 || x_1=2,x_2=1
(x_1,x_2)=(1,2) || (x_1,x_2)=(2,1)
p \to q || q \to p
a:b=2:3 || a:b=3:2
n=4k, k\in\mathbb{Z} || n=2k, k\in\mathbb Z
all even n || all odd n
\text{all primes} || \text{all odd primes}
n \equiv 1 \pmod{4} || n \equiv 3 \pmod 4
n\equiv1\pmod4 || n \equiv 1 \pmod 8
\max(a,b) || \min(a,b)
\gcd(a,b) || \text{lcm}(a,b)
\sum_{k=1}^n k || \sum_{k=1}^{n-1} k
\sum_{k=1}^n k || \frac{n(n-1)}{2}
\int_0^1 x dx || 1
\lim_{x\to0}\frac{\sin x}{x} || 0
0 || not 0
0 || of 0
CD || DC
3k+1, k\in\mathbb{Z} || 3k+2, k\in\mathbb{Z}
2n, n \in \mathbb{Z} || 2n+1, n\in\mathbb{Z}
y = ax || y = bx
1 || \sin^2 x + \cos^2 y
5 \text{ C} || 5^\circ\text{C}
1\text{ year} || 12\text{ days}
2e-1 || 0.2
"""


@pytest.mark.parametrize(("reference", "answer"), pairs(SAME))
def test_the_same(reference: str, answer: str) -> None:
    assert outcome(reference, answer) is Outcome.CORRECT


@pytest.mark.parametrize(("reference", "answer"), pairs(TEMPTING))
def test_tempting_and_wrong(reference: str, answer: str) -> None:
    assert outcome(reference, answer) is not Outcome.CORRECT


def test_an_identity_is_no_equation() -> None:
    left = r"\left( \frac{%s}{a} : \left( \frac{1}{a} \cdot \frac{1}{a} \right) - \frac{1}{a} \right) : \frac{1}{a}"
    assert outcome(f"{left % 1} = (a+1)(a-1)", f"{left % 2} = (a+1)(a-1)") is not Outcome.CORRECT


def test_there_are_many() -> None:
    assert len(pairs(SAME)) >= 250
    assert len(pairs(TEMPTING)) >= 300


whole = st.integers(-999, 999)
positive = st.integers(1, 999)
SOON = settings(max_examples=60)


@SOON
@given(whole, positive)
def test_a_fraction_in_every_spelling(top: int, bottom: int) -> None:
    for spelt in (rf"\frac{{{top}}}{{{bottom}}}", rf"\dfrac{{{3 * top}}}{{{3 * bottom}}}", rf"{top}/{bottom}"):
        assert outcome(f"{top}/{bottom}", spelt) is Outcome.CORRECT
        assert outcome(f"{top + 1}/{bottom}", spelt) is not Outcome.CORRECT


@SOON
@given(positive, positive, positive)
def test_a_mixed_number(of: int, top: int, bottom: int) -> None:
    mixed = rf"{of}\frac{{{top}}}{{{bottom}}}"
    assert outcome(mixed, f"{of * bottom + top}/{bottom}") is Outcome.CORRECT
    assert outcome(mixed, f"{of * bottom + top + 1}/{bottom}") is not Outcome.CORRECT


@SOON
@given(st.lists(whole, min_size=2, max_size=5, unique=True), st.randoms(use_true_random=False))
def test_sets_in_any_order_and_tuples_in_theirs(numbers: list[int], dice: object) -> None:
    other = numbers[::-1]
    bare, tupled = ",".join(map(str, numbers)), f"({','.join(map(str, numbers))})"
    assert outcome(rf"\{{{bare}\}}", ", ".join(map(str, other))) is Outcome.CORRECT
    assert outcome(tupled, f"({','.join(map(str, other))})") is not Outcome.CORRECT
    assert outcome(rf"\{{{bare}\}}", ",".join(map(str, other[1:]))) is not Outcome.CORRECT
    assert outcome(rf"\{{{bare}\}}", f"{bare}, 1000") is not Outcome.CORRECT


@SOON
@given(whole, positive, st.booleans(), st.booleans())
def test_intervals_and_inequalities(low: int, length: int, with_low: bool, with_high: bool) -> None:
    high = low + length
    interval = f"{'[' if with_low else '('}{low},{high}{']' if with_high else ')'}"
    signs = {True: r"\le", False: "<"}
    order = f"{low} {signs[with_low]} x {signs[with_high]} {high}"
    other = f"{low} {signs[not with_low]} x {signs[with_high]} {high}"
    for pair in ((interval, order), (order, interval)):
        assert outcome(*pair) is Outcome.CORRECT
    for pair in ((interval, other), (other, interval)):
        assert outcome(*pair) is not Outcome.CORRECT


@SOON
@given(whole, whole, st.sampled_from("tmnuvw"))
def test_a_dummy_variable(slope: int, shift: int, letter: str) -> None:
    reference = f"f(x) = {slope}x + {shift}"
    assert outcome(reference, f"f({letter}) = {slope}{letter} + {shift}") is Outcome.CORRECT
    assert outcome(reference, f"f({letter}) = {slope}{letter} + {shift + 1}") is not Outcome.CORRECT
    if slope:
        assert outcome(reference, f"f({letter}) = {slope}x + {shift}") is not Outcome.CORRECT


@SOON
@given(positive, st.sampled_from([("km", "m", 1000), ("m", "cm", 100), ("hours", "minutes", 60), ("kg", "g", 1000)]))
def test_units_of_one_quantity(number: int, units: tuple[str, str, int]) -> None:
    big, small, factor = units
    reference = rf"{number}\text{{ {big}}}"
    assert outcome(reference, rf"{number * factor}\text{{ {small}}}") is Outcome.CORRECT
    assert outcome(reference, rf"{number * factor + 1}\text{{ {small}}}") is not Outcome.CORRECT
    assert outcome(reference, rf"{number}\text{{ {small}}}") is not Outcome.CORRECT


@SOON
@given(st.text(alphabet=r"01xkn+-^/(){}[]|,.=<>\ $%'!:_&;~*eC" + "ab", max_size=60))
def test_any_text_is_itself_or_undecided_and_not_a_fault(text: str) -> None:
    assert outcome("7919", text) is not Outcome.CORRECT or "7919" in text


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (r"\boxed{5} km", Outcome.CORRECT),
        (r"$\boxed{5000}\text{ m}$.", Outcome.CORRECT),
        (r"$\boxed{5000}\,\mathrm{m}$", Outcome.CORRECT),
        (r"\boxed{5} in total", Outcome.CORRECT),
        (r"\boxed{5} because", Outcome.CORRECT),
        (r"\boxed{5} m", Outcome.INCORRECT),
        (r"$\boxed{5}\text{ m}$", Outcome.INCORRECT),
        (r"\boxed{5} seconds", Outcome.INCORRECT),
        (r"\boxed{5} km^2", Outcome.INCORRECT),
    ],
)
def test_a_unit_may_stand_behind_the_box(answer: str, outcome: Outcome) -> None:
    reference = AnswerReference(answer="5", unit="km")
    assert MathVerifier().verify(reference, Trace("", answer)).outcome is outcome
